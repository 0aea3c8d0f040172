"""Composition root of the addresses: every app mounts its pages here, every REST resource under /api/v1/."""

from django.urls import include, path

from seeops.console import api, exposition

urlpatterns = [
    path("", include("seeops.console.urls")),
    path("people/", include("seeops.accounts.urls")),
    path("audit/", include("seeops.audit.urls")),
    path("estate/", include("seeops.inventory.urls")),
    path("estate/", include("seeops.console.estate.urls")),
    path("topology/", include("seeops.topology.urls")),
    path("changes/", include("seeops.changes.urls")),
    path("releases/", include("seeops.releases.urls")),
    path("automation/", include("seeops.automation.urls")),
    path("watch/", include("seeops.monitoring.urls")),
    path("alerts/", include("seeops.alerts.urls")),
    path("surveillance/", include("seeops.surveillance.urls")),
    path("experiments/", include("seeops.resilience.urls")),
    path("capacity/", include("seeops.capacity.urls")),
    path("maturity/", include("seeops.maturity.urls")),
    path("api/", include(api.urlpatterns)),
    path("metrics", exposition.Metrics.as_view(), name="metrics"),
]
handler403 = "seeops.console.problems.forbidden"
handler404 = "seeops.console.problems.not_found"
handler500 = "seeops.console.problems.server_error"
