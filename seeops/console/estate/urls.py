"""Addresses of the parts that join the estate with measurements."""

from django.urls import path

from seeops.console.estate import views

app_name = "estate"
urlpatterns = [
    path("figures/nodes/<slug:name>/", views.node_metrics, name="node_metrics"),
    path("figures/nodes/<slug:name>/<slug:key>.json", views.node_figure, name="node_figure"),
    path("figures/services/", views.services_table, name="services_table"),
    path("figures/services/<slug:name>/", views.service_metrics, name="service_metrics"),
    path("figures/services/<slug:name>/now/", views.service_figures, name="service_figures"),
    path("figures/services/<slug:name>/<slug:key>.json", views.service_figure, name="service_figure"),
]
