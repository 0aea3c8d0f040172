"""Addresses of the automation pages."""

from django.urls import path

from seeops.automation import (
    book_views,
    collection_views,
    configuration_views,
    inspection_views,
    views,
    workflow_views,
)

app_name = "automation"
urlpatterns = [
    path("", book_views.playbook_list, name="list"),
    path("playbooks/<slug:code>/", book_views.playbook_run, name="playbook"),
    path("schedules/", book_views.booking_list, name="bookings"),
    path("schedules/<int:pk>/switch/", book_views.booking_switch, name="booking_switch"),
    path("inspections/", inspection_views.report_list, name="inspections"),
    path("inspections/start/", inspection_views.report_start, name="inspection_start"),
    path("inspections/<int:pk>/", inspection_views.report_detail, name="inspection"),
    path("inspections/<int:pk>/<slug:kind>/", inspection_views.report_export, name="inspection_export"),
    path("configurations/", configuration_views.change_list, name="configurations"),
    path("configurations/new/", configuration_views.change_new, name="configuration_new"),
    path("configurations/drift/", configuration_views.drift, name="configuration_drift"),
    path("configurations/contents/<slug:digest>/", configuration_views.content, name="configuration_content"),
    path("configurations/<int:pk>/", configuration_views.change_detail, name="configuration"),
    path("configurations/<int:pk>/<slug:command>/", configuration_views.change_command, name="configuration_command"),
    path("runs/", views.run_list, name="runs"),
    path("runs/<int:pk>/preview/", book_views.run_preview, name="run_preview"),
    path("runs/<int:pk>/do/", book_views.preview_run, name="preview_run"),
    path("runs/<int:pk>/collected/", collection_views.collected, name="collected"),
    path("runs/<int:pk>/collected/download/", collection_views.download, name="log_download"),
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
