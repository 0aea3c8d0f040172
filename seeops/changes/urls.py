"""Addresses of the changes pages."""

from django.urls import path

from seeops.changes import control_views as control
from seeops.changes import glass_views as glass
from seeops.changes import views

app_name = "changes"
urlpatterns = [
    path("", views.ticket_list, name="list"),
    path("new/", views.ticket_new, name="new"),
    path("<int:pk>/", views.ticket_detail, name="detail"),
    path("<int:pk>/edit/", views.ticket_edit, name="edit"),
    path("<int:pk>/submit/", views.ticket_submit, name="submit"),
    path("<int:pk>/withdraw/", views.ticket_withdraw, name="withdraw"),
    path("<int:pk>/decide/", views.ticket_decide, name="decide"),
    path("<int:pk>/cancel/", views.ticket_cancel, name="cancel"),
    path("<int:pk>/break-glass/", glass.glass_open, name="glass_open"),
    path("break-glass/", glass.glass_list, name="glasses"),
    path("break-glass/<int:pk>/confirm/", glass.glass_confirm, name="glass_confirm"),
    path("break-glass/<int:pk>/close/", glass.glass_close, name="glass_close"),
    path("break-glass/<int:pk>/review/", glass.glass_review, name="glass_review"),
    path("calendar/", control.calendar_page, name="calendar"),
    path("calendar/policy/", control.policy_set, name="policy"),
    path("calendar/days/", control.day_set, name="day_set"),
    path("calendar/days/<int:pk>/remove/", control.day_remove, name="day_remove"),
    path("calendar/freezes/new/", control.freeze_edit, name="freeze_new"),
    path("calendar/freezes/<int:pk>/", control.freeze_edit, name="freeze"),
    path("calendar/freezes/<int:pk>/remove/", control.freeze_remove, name="freeze_remove"),
    path("approval/", control.approval_page, name="approval"),
    path("approval/stages/", control.stages_set, name="stages_set"),
    path("approval/groups/", control.group_save, name="group_save"),
    path("approval/delegations/", control.delegation_create, name="delegation_create"),
    path("approval/delegations/<int:pk>/revoke/", control.delegation_revoke, name="delegation_revoke"),
    path("approval/templates/", control.template_create, name="template_create"),
    path("approval/templates/<int:pk>/decide/", control.template_decide, name="template_decide"),
]
