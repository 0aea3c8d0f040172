"""`python -m chaos.catalogue [FOLDER]`: every experiment and every activity as one JSON document on standard output.

{"experiments": [{code, title, description, digest, path, declared, steps, probes}], "problems": [{file, why}],
 "activities": [{type, name, doc, arguments}]}. A file that does not fit is named under problems; the others are listed.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos import document
from chaos.chaostrading import load_activities


def catalogue(folder: Path = document.FOLDER) -> dict[str, Any]:
    experiments: list[dict[str, Any]] = []
    problems: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found = document.read(path)
        except document.ExperimentError as error:
            problems.append({"file": path.name, "why": str(error)})
        else:
            experiments.append(_entry(found, path))
    return {
        "experiments": experiments,
        "problems": problems,
        "activities": [dict(entry) for entry in load_activities()],
    }


def _entry(found: document.Document, path: Path) -> dict[str, Any]:
    return {
        "code": found.code,
        "title": found.title,
        "description": found.description,
        "digest": found.digest,
        "path": str(path),
        "declared": asdict(found.declared),
        "steps": found.steps(),
        "probes": found.probes(),
    }


if __name__ == "__main__":
    json.dump(catalogue(Path(sys.argv[1]) if len(sys.argv) > 1 else document.FOLDER), sys.stdout, default=str)
