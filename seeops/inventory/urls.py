"""Addresses of the estate's pages."""

from django.urls import path

from seeops.inventory.views import actions, locks, node, nodes, services

app_name = "inventory"
urlpatterns = [
    path("nodes/", nodes.nodes, name="nodes"),
    path("nodes/plan/", actions.plan, name="plan"),
    path("nodes/act/", actions.act, name="act"),
    path("nodes/views/save/", nodes.view_save, name="view_save"),
    path("nodes/views/delete/", nodes.view_delete, name="view_delete"),
    path("nodes/<slug:name>/", node.node, name="node"),
    path("nodes/<slug:name>/live/", node.live, name="node_live"),
    path("nodes/<slug:name>/log/", node.log, name="node_log"),
    path("nodes/<slug:name>/configuration/", node.configuration, name="configuration"),
    path("actions/<uuid:batch>/", actions.batch, name="batch"),
    path("actions/<uuid:batch>/stop/", actions.batch_stop, name="batch_stop"),
    path("locks/", locks.locks, name="locks"),
    path("services/", services.services, name="services"),
    path("services/<slug:name>/", services.service, name="service"),
]
