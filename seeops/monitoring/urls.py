"""Addresses of the monitoring pages."""

from django.urls import path

from seeops.monitoring import views

app_name = "monitoring"
urlpatterns = [
    path("dashboards/", views.dashboard_list, name="list"),
    path("dashboards/<slug:key>/", views.dashboard, name="dashboard"),
    path("panels/<slug:key>/<slug:panel_key>/", views.panel, name="panel"),
    path("nodes/<slug:name>/panels/", views.node_panels, name="node_panels"),
    path("services/<slug:name>/panels/", views.service_panels, name="service_panels"),
]
