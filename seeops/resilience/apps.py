from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    name = "seeops.resilience"

    def ready(self) -> None:
        from seeops.cluster import occupied
        from seeops.releases.gates import ports
        from seeops.resilience import gate, selectors

        occupied.register("experiments", selectors.why_occupied)
        ports.faults_by(gate.Gates())
