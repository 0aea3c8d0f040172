"""What an approval is bound to: the digest over everything an approver relies on. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the RFC 8785 canonical JSON, hex."""
    return hashlib.sha256(rfc8785.dumps(dict(content))).hexdigest()
