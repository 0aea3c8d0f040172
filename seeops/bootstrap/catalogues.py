"""Translation catalogues: every .po below the source becomes a .mo beside it. Runs inside the virtual environment (Babel)."""

from __future__ import annotations

import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compile_catalogue(po: Path) -> Path:
    """Compile one catalogue without its fuzzy entries. Raises ValueError naming the file when it is not a catalogue."""
    with po.open("rb") as source:
        try:
            catalogue = read_po(source, locale=po.parent.parent.name, abort_invalid=True)
        except Exception as error:
            raise ValueError(f"{po} is not a valid catalogue: {error}") from error
    mo = po.with_suffix(".mo")
    partial = mo.with_suffix(".mo.partial")
    with partial.open("wb") as target:
        write_mo(target, catalogue)
    partial.replace(mo)
    return mo


if __name__ == "__main__":
    for name in sys.argv[1:]:
        compile_catalogue(Path(name))
