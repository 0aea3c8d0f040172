"""REST resources of the inventory app: `routes` is what the API root mounts."""

from rest_framework.viewsets import ViewSetMixin

routes: list[tuple[str, type[ViewSetMixin], str]] = []
