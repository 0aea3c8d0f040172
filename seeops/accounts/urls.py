"""Addresses of the people pages."""

from django.urls import path

from seeops.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.person_list, name="list"),
    path("me/", views.me, name="me"),
    path("me/second-factor/", views.second_factor_enrol, name="second_factor"),
    path("me/tokens/", views.token_create, name="token_create"),
    path("tokens/<int:pk>/revoke/", views.token_revoke, name="token_revoke"),
    path("new/", views.person_create, name="create"),
    path("<str:username>/", views.person_detail, name="detail"),
    path("<str:username>/second-factor/remove/", views.second_factor_remove, name="second_factor_remove"),
    path("<str:username>/roles/", views.person_roles, name="roles"),
]
