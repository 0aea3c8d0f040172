"""Addresses of the automation pages."""

from django.urls import path

from seeops.automation import views

app_name = "automation"
urlpatterns = [
    path("", views.playbook_list, name="list"),
    path("playbooks/<slug:code>/", views.playbook_run, name="playbook"),
    path("runs/", views.run_list, name="runs"),
    path("runs/<int:pk>/", views.run_detail, name="run"),
    path("runs/<int:pk>/live/", views.run_live, name="run_live"),
    path("runs/<int:pk>/log/", views.run_log, name="run_log"),
    path("runs/<int:pk>/proof/", views.run_proof, name="run_proof"),
    path("runs/<int:pk>/cancel/", views.run_cancel, name="run_cancel"),
]
