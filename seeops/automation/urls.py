"""Addresses of the automation pages."""

from django.urls import path

from seeops.automation import views, workflow_views

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
    path("workflows/", workflow_views.workflow_list, name="workflows"),
    path("workflows/runs/<int:pk>/", workflow_views.run_detail, name="workflow_run"),
    path("workflows/runs/<int:pk>/live/", workflow_views.run_live, name="workflow_run_live"),
    path("workflows/runs/<int:pk>/<slug:command>/", workflow_views.run_command, name="workflow_command"),
    path("workflows/steps/<int:pk>/decide/", workflow_views.step_decide, name="workflow_decide"),
    path("workflows/schedules/<int:pk>/switch/", workflow_views.schedule_switch, name="schedule_switch"),
    path("workflows/<slug:slug>/<int:number>/schedule/", workflow_views.schedule_make, name="schedule_make"),
    path("workflows/<slug:slug>/", workflow_views.workflow_detail, name="workflow"),
    path("workflows/<slug:slug>/edit/", workflow_views.workflow_edit, name="workflow_edit"),
    path("workflows/<slug:slug>/check/", workflow_views.workflow_check, name="workflow_check"),
    path("workflows/<slug:slug>/<int:number>/yaml/", workflow_views.workflow_yaml, name="workflow_yaml"),
    path("workflows/<slug:slug>/<int:number>/submit/", workflow_views.version_submit, name="version_submit"),
    path("workflows/<slug:slug>/<int:number>/decide/", workflow_views.version_decide, name="version_decide"),
    path("workflows/<slug:slug>/<int:number>/start/", workflow_views.version_start, name="version_start"),
]
