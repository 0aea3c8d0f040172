"""Addresses of the shell: sign-in, live stream, search, language, overview."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from seeops.console import stream, views

pages = (
    [
        path("", views.overview, name="overview"),
        path("now/", views.overview_now, name="now"),
        path("session/", views.session, name="session"),
        path("search/", views.search, name="search"),
        path("language/", views.language, name="language"),
        path("healthz/", views.healthz, name="healthz"),
    ],
    "console",
)

urlpatterns = [
    path("", include(pages)),
    path("stream/", login_not_required(stream.stream), name="stream"),
    path(
        "sign-in/",
        login_not_required(
            auth.LoginView.as_view(template_name="console/sign_in.html", redirect_authenticated_user=True)
        ),
        name="login",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
]
