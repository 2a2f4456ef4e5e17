"""A report as a badge: a picture that needs nothing else, or the JSON a badge service asks an address for."""

from __future__ import annotations

from html import escape

import msgspec

from acp_agent.conformance.report import Report

_LABEL = "ACP conformance"
_CHAR_WIDTH = 6.6
_PADDING = 6
_HEIGHT = 20


def as_badge(report: Report) -> str:
    """The badge as SVG."""
    message, color = _message(report), _color(report)
    left, right = _width(_LABEL), _width(message)
    title = escape(f"{_LABEL}: {message}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{title}">\n<title>{title}</title>\n'
        f'<rect width="{left}" height="{_HEIGHT}" fill="#444"/>\n'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{color}"/>\n'
        '<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">\n'
        f'<text x="{left / 2:g}" y="14">{_LABEL}</text>\n'
        f'<text x="{left + right / 2:g}" y="14">{escape(message)}</text>\n</g>\n</svg>\n'
    )


def as_badge_json(report: Report) -> str:
    """The badge as the JSON that shields-like services read."""
    badge = {"schemaVersion": 1, "label": _LABEL, "message": _message(report), "color": _color(report)}
    return msgspec.json.encode(badge).decode() + "\n"


def _message(report: Report) -> str:
    """What binds, counted: kept, broken, and what was not seen."""
    must, should = report.count("MUST"), report.count("SHOULD")
    kept, broken = must["pass"] + should["pass"], must["fail"] + should["fail"]
    unseen = must["inconclusive"] + should["inconclusive"] + must["skipped"] + should["skipped"]
    if not kept + broken:
        return "not judged"
    told = {"kept": kept, "broken": broken, "unseen": unseen}
    return ", ".join(f"{number} {word}" for word, number in told.items() if number)


def _color(report: Report) -> str:
    must, should = report.count("MUST"), report.count("SHOULD")
    if must["fail"]:
        return "#c33"
    if should["fail"]:
        return "#a70"
    return "#2a7a3b" if must["pass"] + should["pass"] else "#777"


def _width(text: str) -> int:
    return round(len(text) * _CHAR_WIDTH) + 2 * _PADDING
