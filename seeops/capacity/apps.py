from django.apps import AppConfig


class CapacityConfig(AppConfig):
    name = "seeops.capacity"

    def ready(self) -> None:
        from seeops.capacity import selectors
        from seeops.cluster import occupied

        occupied.register("capacity", selectors.why_occupied)
