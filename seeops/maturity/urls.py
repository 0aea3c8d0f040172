"""Addresses of the maturity pages."""

from django.urls import URLPattern

app_name = "maturity"
urlpatterns: list[URLPattern] = []
