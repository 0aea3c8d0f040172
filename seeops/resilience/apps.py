from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    name = "seeops.resilience"

    def ready(self) -> None:
        from seeops.cluster import occupied
        from seeops.resilience import selectors

        occupied.register("experiments", selectors.why_occupied)
