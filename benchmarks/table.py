"""Medians as an aligned plain-text table and as JSON."""

from __future__ import annotations

import os
import platform
from statistics import median

from benchmarks.figures import FIGURES, Samples


def medians(samples: Samples) -> dict[str, float]:
    """Figure key → median of its samples, for figures that have any."""
    return {key: median(values) for key, values in samples.values.items() if values}


def table(results: dict[str, Samples]) -> str:
    """One line for each figure, one column for each contender with its ratio to the first one."""
    found = {name: medians(samples) for name, samples in results.items()}
    base = next(iter(found.values()))
    rows = [["", "unit", *found]]
    for figure in FIGURES:
        cells = [
            _cell(values.get(figure.key), None if values is base else base.get(figure.key))
            for values in found.values()
        ]
        rows.append([figure.title, figure.unit, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def document(results: dict[str, Samples]) -> dict[str, object]:
    """Everything a later comparison needs: the machine, and for each figure its median and samples."""
    return {
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        },
        "units": {figure.key: figure.unit for figure in FIGURES},
        "medians": {name: medians(samples) for name, samples in results.items()},
        "samples": {name: dict(samples.values) for name, samples in results.items()},
    }


def _cell(value: float | None, base: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} {_ratio(value, base):>7}" if base else text


def _ratio(value: float, base: float) -> str:
    return f"({value / base:.2f}x)"
