"""Addresses of the changes pages."""

from django.urls import path

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
]
