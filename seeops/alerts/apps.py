from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "seeops.alerts"

    def ready(self) -> None:
        from seeops.alerts import inspecting

        inspecting.register()
