"""A report as Markdown: counts, what failed and why, then everything."""

from __future__ import annotations

from acp_agent.conformance.report import Report
from acp_agent.conformance.requirement import LEVELS
from acp_agent.conformance.verdicts import VERDICTS


def as_markdown(report: Report) -> str:
    """The page."""
    lines = [
        f"# ACP conformance of {report.name}",
        "",
        f"It **{report.judgement}**: {report.headline}.",
        "",
        f"`{report.command}`, profile {report.profile}, {report.began_at}, "
        f"{report.seconds:g} s, suite {report.suite_version}.",
        "",
        f"| level | {' | '.join(VERDICTS)} |",
        f"| --- |{' ---: |' * len(VERDICTS)}",
    ]
    for level in LEVELS:
        counts = report.count(level)
        lines.append(f"| {level} | {' | '.join(str(counts[verdict]) for verdict in VERDICTS)} |")
    failed = [item for item in report.outcomes if item.verdict == "fail"]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- **{item.id}** ({item.level}): {item.text} Seen: {cell(item.reason)}" for item in failed]
    lines += [
        "",
        "## All",
        "",
        "| requirement | level | verdict | why | asked in |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {item.id} | {item.level} | {item.verdict} | {cell(item.reason)} "
        f"| {item.section} ({item.version}) |"
        for item in report.outcomes
    ]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text that cannot end its cell or its line, nor mark anything up."""
    line = " ".join(text.split())
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
