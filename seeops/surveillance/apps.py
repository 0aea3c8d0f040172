from django.apps import AppConfig


class SurveillanceConfig(AppConfig):
    name = "seeops.surveillance"
