from django.apps import AppConfig


class ChangesConfig(AppConfig):
    name = "seeops.changes"

    def ready(self) -> None:
        from seeops.changes import guard
        from seeops.inventory import permits

        permits.answered_by(guard.require_open)
