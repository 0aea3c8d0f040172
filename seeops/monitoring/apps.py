from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "seeops.monitoring"
