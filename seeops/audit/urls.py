"""Addresses of the audit pages."""

from django.urls import path

from seeops.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.record_list, name="list"),
    path("verify/", views.verify, name="verify"),
    path("<int:seq>/", views.record_detail, name="detail"),
    path("of/<str:object_type>/<str:object_id>/", views.of_object, name="of"),
]
