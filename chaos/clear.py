"""`python -m chaos.clear --owner NAME --endpoints FILE`: remove what a run left behind; can be repeated. Exit 0 when all is gone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from chaoslib.exceptions import ActivityFailed

from chaos.chaostrading import actions


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.clear", description="Remove the faults of one run.")
    parser.add_argument("--owner", required=True)
    parser.add_argument("--endpoints", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        answer = actions.clear_faults(configuration={"owner": arguments.owner, "endpoints": str(arguments.endpoints)})
    except ActivityFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
