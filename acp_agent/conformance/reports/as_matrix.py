"""Several reports as one page of Markdown: who was tried when, counts, areas, and what each agent breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from acp_agent.conformance.report import Outcome, Report
from acp_agent.conformance.reports.as_markdown import cell
from acp_agent.conformance.verdicts import VERDICTS

_INTRODUCTION = """\
# Conformance matrix

Agents tried with `acp-agent conformance`, side by side. This page is made of the JSON reports of single
runs, by `acp-agent conformance --matrix`.

A **pass** and a **fail** are things an agent was seen to do. What could not be seen is **inconclusive** (it
did not happen, as when an agent reads files without asking the client), **skipped** (it cannot be tried, as
when the agent's model has no tool for it) or **not-advertised** (the agent does not offer it), and never a
pass. So fewer fails do not make a better agent where less was judged.

A MUST or SHOULD is one of the protocol or of JSON-RPC. Both bind: an agent that breaks one does not conform.
`MAY` and `quality` bind nobody; the latter is what users and clients ask for, such as no commands left
running. `acp-agent conformance --list` says what each requirement asks.
"""
_SCRATCH = re.compile(r"(?:/[\w.+-]+)*/acp-conformance-\w+/stage/")
_REASON_CHARS = 240


def as_matrix(reports: Sequence[Report]) -> str:
    """The page, with agents in the order of their names. Paths of the machine they ran on are cut."""
    ordered = sorted(reports, key=lambda report: report.name.lower())
    lines = [_INTRODUCTION, "## Agents", "", *_agents(ordered), "", "## Areas", ""]
    lines += ["How many of the requirements that could be judged were kept. A dash: none could be.", ""]
    lines += _areas(ordered)
    lines += ["", "## What is broken", "", "What each requirement asks, and what was seen instead.", ""]
    for report in ordered:
        lines += _broken(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _agents(reports: Sequence[Report]) -> list[str]:
    lines = [
        f"| agent | tried | seconds | suite | {' | '.join(VERDICTS)} | MUST broken | SHOULD broken |",
        f"| --- | --- | ---: | --- |{' ---: |' * (len(VERDICTS) + 2)}",
    ]
    for report in reports:
        counts = report.count()
        lines.append(
            f"| {cell(report.name)} | {report.began_at[:10]} | {report.seconds:.0f} | "
            f"{report.suite_version} | "
            f"{' | '.join(str(counts[verdict]) for verdict in VERDICTS)} | "
            f"{report.count('MUST')['fail']} | {report.count('SHOULD')['fail']} |"
        )
    return lines


def _areas(reports: Sequence[Report]) -> list[str]:
    """Passes of what was judged, for each area and agent."""
    areas = list(dict.fromkeys(item.area for report in reports for item in report.outcomes))
    lines = [
        f"| area | {' | '.join(cell(report.name) for report in reports)} |",
        f"| --- |{' ---: |' * len(reports)}",
    ]
    for area in areas:
        cells = [_of([item for item in report.outcomes if item.area == area]) for report in reports]
        lines.append(f"| {area} | {' | '.join(cells)} |")
    return lines


def _of(outcomes: Sequence[Outcome]) -> str:
    passed = sum(item.verdict == "pass" for item in outcomes)
    judged = passed + sum(item.verdict == "fail" for item in outcomes)
    return f"{passed}/{judged}" if judged else "-"


def _broken(report: Report) -> list[str]:
    lines = [f"### {cell(report.name)}", ""]
    failed = [item for item in report.outcomes if item.verdict == "fail"]
    for level in ("MUST", "SHOULD"):
        for item in failed:
            if item.level == level:
                seen = " ".join(_SCRATCH.sub("…/", item.reason).split())
                cut = seen if len(seen) <= _REASON_CHARS else f"{seen[:_REASON_CHARS]} …"
                lines.append(f"- {level} **{item.id}**: {item.text} Seen: {cell(cut)}")
    if len(lines) == 2:
        lines.append("Nothing that binds.")
    for level in ("MAY", "quality"):
        if ids := [item.id for item in failed if item.level == level]:
            lines += ["", f"{level}: {', '.join(ids)}."]
    return [*lines, ""]
