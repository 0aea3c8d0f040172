"""What the settings of the judge are called for people, with their units."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, Promise] = {
    "duration_margin": _("Slower than peers: nobody's business up to (ratio)"),
    "duration_bound": _("Slower than peers: never passes from (ratio)"),
    "error_margin": _("More failed requests: nobody's business up to (share)"),
    "error_bound": _("More failed requests: never passes from (share, of one node)"),
    "error_bound_least": _("More failed requests: that bound, of many nodes, at least (share)"),
    "memory_margin_per_min": _("Memory growth: nobody's business up to (share a minute)"),
    "memory_bound_per_min": _("Memory growth: never passes from (share a minute)"),
    "chain_error_margin": _("Chain, failed requests: nobody's business up to (share)"),
    "chain_error_bound": _("Chain, failed requests: never passes from (share)"),
    "chain_duration_margin": _("Chain, slower than before: nobody's business up to (ratio)"),
    "chain_duration_bound": _("Chain, slower than before: never passes from (ratio)"),
    "chain_min_requests": _("Chain: fewer requests decide nothing"),
    "alpha": _("Chance of a false alarm, all metrics together"),
    "confidence": _("Certainty of an interval"),
    "min_requests": _("Fewest requests of a sample"),
    "min_peers": _("Fewest unchanged peers"),
    "min_coverage": _("Share of nodes that must have been measured"),
    "judge_chains": _("Judge the chains that pass the service"),
    "second_opinion": _("Ask yesterday's same minutes for a second opinion"),
}
