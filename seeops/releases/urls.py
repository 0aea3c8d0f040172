"""Addresses of the releases pages."""

from django.urls import path

from seeops.releases import plan_views, verdict_views, views

app_name = "releases"
urlpatterns = [
    path("", views.release_list, name="list"),
    path("new/", plan_views.release_new, name="new"),
    path("preview/", plan_views.preview, name="preview"),
    path("judge/", verdict_views.judge, name="judge"),
    path("judge/propose/", verdict_views.propose, name="judge_propose"),
    path("judge/<int:pk>/put-in-force/", verdict_views.put_in_force, name="judge_put_in_force"),
    path("verdicts/<int:pk>/figure.json", views.verdict_figure, name="verdict_figure"),
    path("<int:pk>/", views.release_detail, name="detail"),
    path("<int:pk>/simulation/", plan_views.simulate, name="simulation"),
    path("<int:pk>/live/", views.live, name="live"),
    path("<int:pk>/board.json", views.board, name="board"),
    path("<int:pk>/log/", views.log, name="log"),
    path("<int:pk>/verdicts/", views.verdict_list, name="verdicts"),
    path("<int:pk>/retry/", views.retry, name="retry"),
    path("<int:pk>/skip/", views.skip, name="skip"),
    path("<int:pk>/<slug:verb>/", views.act, name="act"),
]
