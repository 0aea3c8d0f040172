"""What can go wrong between an outsider and the cluster.

ClusterError
├── EndpointsMissing     the cluster has not been started (or its endpoints file is damaged)
├── UnknownName          no such node, centre, service, shard or chain in this cluster
├── Unreachable          no answer: what was asked may or may not have happened
└── Refused              the cluster answered no; nothing was executed
    └── StaleEpoch       a newer owner has acted on this node since
"""

from __future__ import annotations


class ClusterError(Exception):
    """Base of all errors of the cluster's client."""


class EndpointsMissing(ClusterError):
    """The endpoints file is absent or unreadable."""


class UnknownName(ClusterError):
    """A name that the cluster's topology does not have."""


class Unreachable(ClusterError):
    """No answer within the time-out, or the connection was closed: the outcome is unknown."""


class Refused(ClusterError):
    """A clear no. `status` is the HTTP status, `code` the machine-readable reason, `detail` the sentence, `body` the rest."""

    def __init__(self, message: str, *, status: int, code: str, detail: str, body: dict):
        super().__init__(message)
        self.status, self.code, self.detail, self.body = status, code, detail, body


class StaleEpoch(Refused):
    """The epoch is lower than one the node has already seen."""
