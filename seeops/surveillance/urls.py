"""Addresses of the surveillance pages."""

from django.urls import path

from seeops.surveillance import views

app_name = "surveillance"
urlpatterns = [
    path("", views.case_list, name="list"),
    path("cases/<int:number>/", views.case_detail, name="case"),
    path("cases/<int:number>/close/", views.close, name="close"),
    path("accounts/<int:number>/", views.account_detail, name="account"),
    path("accounts/<int:number>/status/", views.set_status, name="status"),
]
