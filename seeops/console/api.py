"""The REST API: every app's resources under /api/v1/, schema and offline documentation beside them."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

APPS = (
    "accounts",
    "audit",
    "inventory",
    "topology",
    "changes",
    "monitoring",
    "automation",
    "alerts",
    "releases",
    "resilience",
    "capacity",
    "surveillance",
    "maturity",
)


def _router() -> tuple[DefaultRouter, list[URLPattern]]:
    router = DefaultRouter()
    extra: list[URLPattern] = []
    for app in APPS:
        module = import_module(f"seeops.{app}.rest")
        for prefix, viewset, basename in module.routes:
            router.register(prefix, viewset, basename=basename)
        extra += getattr(module, "extra_patterns", [])
    return router, extra


_resources, _extra = _router()
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include([*_extra, *_resources.urls])),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
