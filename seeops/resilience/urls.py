"""Addresses of the experiment pages."""

from django.urls import path

from seeops.resilience import views

app_name = "resilience"
urlpatterns = [
    path("", views.experiment_list, name="list"),
    path("faults/", views.faults, name="faults"),
    path("lever/", views.lever, name="lever"),
    path("runs/", views.run_list, name="runs"),
    path("runs/<int:pk>/", views.run_detail, name="run"),
    path("runs/<int:pk>/live/", views.run_live, name="run_live"),
    path("runs/<int:pk>/figure/", views.run_figure, name="run_figure"),
    path("runs/<int:pk>/journal/", views.run_journal, name="run_journal"),
    path("runs/<int:pk>/stop/", views.run_stop, name="run_stop"),
    path("<slug:code>/", views.experiment_detail, name="detail"),
    path("<slug:code>/start/", views.experiment_start, name="start"),
]
