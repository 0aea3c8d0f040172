"""Addresses of the releases pages."""

from django.urls import URLPattern

app_name = "releases"
urlpatterns: list[URLPattern] = []
