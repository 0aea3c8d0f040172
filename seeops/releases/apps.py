from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "seeops.releases"

    def ready(self) -> None:
        from seeops.automation import ended
        from seeops.releases import inspecting, steps

        inspecting.register()
        ended.listen(steps.run_ended)
