from django.apps import AppConfig


class CapacityConfig(AppConfig):
    name = "seeops.capacity"

    def ready(self) -> None:
        from seeops.capacity import gate, selectors
        from seeops.cluster import occupied
        from seeops.releases.gates import ports

        occupied.register("capacity", selectors.why_occupied)
        ports.shadow_by(gate.Gates())
