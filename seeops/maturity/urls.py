"""Addresses of the maturity pages."""

from django.urls import path

from seeops.maturity import views

app_name = "maturity"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("collect/", views.collect, name="collect"),
    path("evidence/", views.evidence, name="evidence"),
    path("exports/", views.export_create, name="export_create"),
    path("exports/<int:pk>/", views.export_download, name="export_download"),
    path("<str:code>/criteria/<str:criterion>/", views.criterion, name="criterion"),
    path("<str:code>/criteria/<str:criterion>/attest/", views.attest, name="attest"),
]
