from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "seeops.releases"

    def ready(self) -> None:
        from seeops.releases import inspecting

        inspecting.register()
