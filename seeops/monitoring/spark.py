"""A line small enough for a word: values over time as the path of an SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 60, 16


def path(values: Sequence[float | None], *, floor: float | None = 0.0) -> str:
    """The `d` of a path over a box of WIDTH × HEIGHT; a gap in the values is a gap in the line; "" when there are too few.

    `floor` is the value at the bottom edge (None: the smallest value), so that lines with noise alone look flat.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low = min(known) if floor is None else min(floor, *known)
    span = (max(known) - low) or 1.0
    parts: list[str] = []
    pen_down = False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        x = round(index * WIDTH / (len(values) - 1))
        y = round(HEIGHT - 1 - (value - low) / span * (HEIGHT - 2))
        parts.append(f"{'L' if pen_down else 'M'}{x} {y}")
        pen_down = True
    return "".join(parts)
