"""A report as JSON, to be read by programs and by `--compare`."""

from __future__ import annotations

import msgspec

from acp_agent.conformance.report import Report


def as_json(report: Report) -> str:
    """The whole report."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"
