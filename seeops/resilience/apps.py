from django.apps import AppConfig


class ResilienceConfig(AppConfig):
    name = "seeops.resilience"
