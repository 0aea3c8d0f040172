"""A lookup that kills the process which looks, if it is told to."""

from __future__ import annotations

import os
import signal

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: suite_killer
short_description: Kill the worker
description: For testing what a killed worker costs.
"""


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        if terms[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return ["lives"]
