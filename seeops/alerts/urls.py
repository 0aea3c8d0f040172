"""Addresses of the alerts pages."""

from django.urls import path

from seeops.alerts import views

app_name = "alerts"
urlpatterns = [
    path("", views.group_list, name="list"),
    path("<int:pk>/", views.group_detail, name="detail"),
    path("<int:pk>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("<int:pk>/resolve/", views.resolve, name="resolve"),
    path("<int:pk>/silence/", views.silence, name="silence"),
    path("runbooks/<str:name>/", views.runbook, name="runbook"),
]
