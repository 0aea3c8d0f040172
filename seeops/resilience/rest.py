"""REST resources of the resilience app: `routes` is what the API root mounts."""

from rest_framework.viewsets import ViewSetMixin

routes: list[tuple[str, type[ViewSetMixin], str]] = []
