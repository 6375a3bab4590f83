"""Points of small SVG charts; the templates draw them, and each stands beside its numbers."""

from collections.abc import Sequence
from typing import Any


def polyline(
    values: Sequence[float], width: float, height: float, *, top: float | None = None
) -> str:
    """Return ``values`` as the points of a polyline from left to right; 0 lies at the bottom.

    ``top`` is the value at the upper edge; the largest one if left out.
    """
    highest = top or max(values, default=0) or 1
    step = width / max(1, len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{height - min(value, highest) / highest * height:.1f}"
        for index, value in enumerate(values)
    )


def bars(
    values: Sequence[float], width: float, height: float, *, top: float | None = None
) -> list[dict[str, float]]:
    """Return ``values`` as bars side by side: ``x``, ``y``, ``w`` and ``h`` of each."""
    highest = top or max(values, default=0) or 1
    slot = width / max(1, len(values))
    return [
        {
            "x": round(index * slot, 2),
            "y": round(height - value / highest * height, 2),
            "w": round(max(0.5, slot * 0.8), 2),
            "h": round(value / highest * height, 2),
        }
        for index, value in enumerate(values)
    ]


def steps(points: Sequence[tuple[float, float]], width: float, height: float, *, top: float) -> str:
    """Return (x from 0 to 1, value) as points of a line that keeps its height until the next."""
    drawn: list[str] = []
    for index, (x, value) in enumerate(points):
        y = height - min(value, top) / top * height
        after = points[index + 1][0] if index + 1 < len(points) else 1.0
        drawn += [f"{x * width:.1f},{y:.1f}", f"{after * width:.1f},{y:.1f}"]
    return " ".join(drawn)


CHARTS: dict[str, Any] = {"polyline": polyline, "bars": bars, "steps": steps}
"""What the templates draw with."""
