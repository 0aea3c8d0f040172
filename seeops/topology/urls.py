"""Addresses of the topology's pages."""

from django.urls import path

from seeops.topology.views import impact, map

app_name = "topology"
urlpatterns = [
    path("", map.page, name="map"),
    path("graph.json", map.graph, name="graph"),
    path("chains/", map.chains, name="chains"),
    path("chains/<slug:code>/", map.chain, name="chain"),
    path("impact/", impact.what_if, name="what_if"),
    path("impact/part/", impact.part, name="impact_part"),
    path("services/<slug:name>/impact/", impact.service, name="impact_service"),
    path("services/<slug:name>/chains/", map.service_chains, name="service_chains"),
]
