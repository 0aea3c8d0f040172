"""Addresses of the capacity pages."""

from django.urls import path, re_path

from seeops.capacity import views

app_name = "capacity"
urlpatterns = [
    path("", views.test_list, name="list"),
    path("history/", views.history_figure, name="history_figure"),
    path("start/", views.test_start, name="start"),
    path("tests/<int:pk>/", views.test_detail, name="test"),
    path("tests/<int:pk>/live/", views.test_live, name="test_live"),
    path("tests/<int:pk>/figure/", views.test_figure, name="test_figure"),
    re_path(r"^tests/(?P<pk>\d+)/report\.(?P<kind>json|txt)$", views.test_report, name="test_report"),
    path("tests/<int:pk>/stop/", views.test_stop, name="test_stop"),
    path("shadow/", views.shadow_list, name="shadows"),
    path("shadow/start/", views.shadow_start, name="shadow_start"),
    path("shadow/<int:pk>/", views.shadow_detail, name="shadow"),
    path("shadow/<int:pk>/report.json", views.shadow_report, name="shadow_report"),
    path("shadow/<int:pk>/stop/", views.shadow_stop, name="shadow_stop"),
]
