"""A right that one block of a template asks for is unknown in the next block: there it would hide a form without a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "seeops"
ASKED = re.compile(r"{% may [^%]* as (\w+) %}")
USED = re.compile(r"\bmay_\w+")


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("templates/**/*.html")), ids=lambda path: path.name)
def test_every_block_asks_for_the_rights_that_it_uses(path: Path) -> None:
    parts = re.split(r"{% block (\w+) %}", path.read_text())
    blocks = dict(zip(parts[1::2], parts[2::2], strict=True))
    everywhere = set(ASKED.findall(parts[0] + "".join(blocks.values())))
    for name, body in blocks.items():
        missing = set(USED.findall(body)) & everywhere - set(ASKED.findall(body)) - set(ASKED.findall(parts[0]))
        assert not missing, f"block {name} of {path.name} uses {missing}, which another block asks for"
