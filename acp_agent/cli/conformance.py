"""`acp-agent conformance`: tries an agent against the protocol and reports what it found."""

from __future__ import annotations

import math
import os
import signal
import sys
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import anyio
import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.cli.exits import FAILED, OK
from acp_agent.cli.harmless import harmless
from acp_agent.cli.style import Look, Style, style_for
from acp_agent.conformance.catalogue import chosen, chosen_among
from acp_agent.conformance.clients.requirements import CLIENT_REQUIREMENTS
from acp_agent.conformance.clients.running import CLIENT_TIME, run_client_requirements
from acp_agent.conformance.command import whole_command
from acp_agent.conformance.comparing import Change, changes
from acp_agent.conformance.profile import find_profile
from acp_agent.conformance.registry.preflight import preflight
from acp_agent.conformance.report import Outcome, Report, read_report
from acp_agent.conformance.reports.as_badge import as_badge, as_badge_json
from acp_agent.conformance.reports.as_html import as_html
from acp_agent.conformance.reports.as_json import as_json
from acp_agent.conformance.reports.as_junit import as_junit
from acp_agent.conformance.reports.as_markdown import as_markdown
from acp_agent.conformance.reports.as_matrix import as_matrix
from acp_agent.conformance.requirement import LEVELS, Demand, Requirement
from acp_agent.conformance.running import ALL_TIME, run_requirements
from acp_agent.conformance.stage import PATIENCE
from acp_agent.conformance.verdicts import VERDICTS, Verdict

_LOOKS: dict[Verdict, Look] = {
    "pass": "green",
    "fail": "red",
    "inconclusive": "yellow",
    "skipped": "dim",
    "not-advertised": "dim",
}
_WIDTH = 100
_LAST_LINES = 10
_FORMATS = {"json": as_json, "junit": as_junit, "markdown": as_markdown, "html": as_html}


def main(args: Namespace) -> int:
    """Run, list or compare; 0 if nothing binding failed.

    SIGTERM, which build servers send, does what Ctrl-C does: it ends the agents, too.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _main(args)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def _main(args: Namespace) -> int:
    style = style_for(sys.stdout, os.environ)
    words: list[str] = args.command_line
    if args.client:
        return _try_client(args, words, style)
    requirements = chosen(args.only or "", args.level or "")
    if args.list:
        sys.stdout.write(as_list(requirements, style))
        return OK
    _expect_writable(args)
    if args.matrix:
        return _write_matrix(Path(args.matrix), words)
    before = read_report(Path(args.compare)) if args.compare else None
    if before is not None and len(words) == 1 and words[0].endswith(".json"):
        found = changes(before, read_report(Path(words[0])))
        sys.stdout.write(as_changes(found, style))
        return FAILED if any(change.is_worse for change in found) else OK
    if args.preflight:
        report = anyio.run(preflight, Path(args.preflight), whole_command(words) if words else [])
    elif words:
        report = _run(args, whole_command(words), requirements)
    else:
        raise ConfigError(
            "no agent to try", hint="put its command behind `--`, as in `acp-agent conformance -- acp-agent`"
        )
    _tell(report, args, style)
    if before is not None:
        sys.stdout.write("\n" + as_changes(changes(before, report), style))
    return OK if report.conforms else FAILED


def _try_client(args: Namespace, words: Sequence[str], style: Style) -> int:
    """The same for a client."""
    requirements = chosen_among(CLIENT_REQUIREMENTS, args.only or "", args.level or "")
    if args.list:
        sys.stdout.write(as_list(requirements, style))
        return OK
    if not words:
        raise ConfigError(
            "no client to try",
            hint="put its command behind `--`, as in `acp-agent conformance --client -- my-client {agent}`",
        )
    patience = _number("patience", args.patience, CLIENT_TIME)
    _expect_writable(args)
    report = anyio.run(lambda: run_client_requirements(whole_command(words), requirements, patience=patience))
    _tell(report, args, style)
    return OK if report.conforms else FAILED


def _run(args: Namespace, command: Sequence[str], requirements: Sequence[Requirement]) -> Report:
    profile = find_profile(args.profile or "", command)
    jobs = int(_number("jobs", args.jobs, 0)) or None
    patience = _number("patience", args.patience, PATIENCE)
    time_limit = _number("time", args.time, ALL_TIME)
    style = style_for(sys.stderr, os.environ)
    n_done = 0

    def progress(outcome: Outcome) -> None:
        nonlocal n_done
        n_done += 1
        if sys.stderr.isatty():
            mark = style.paint(outcome.verdict, _LOOKS[outcome.verdict])
            sys.stderr.write(f"{n_done:4}/{len(requirements)}  {outcome.id}: {mark}\n")

    return anyio.run(
        lambda: run_requirements(
            command,
            profile,
            requirements,
            jobs=jobs,
            patience=patience,
            time_limit=time_limit,
            on_outcome=progress,
        )
    )


def _expect_writable(args: Namespace) -> None:
    """Go on if the reports can be written where they are wanted: better said before a run than behind it."""
    for name in (*_FORMATS, "badge", "matrix"):
        file: str | None = getattr(args, name)
        if file and (Path(file).is_dir() or not Path(file).absolute().parent.is_dir()):
            raise ConfigError(
                f"`--{name}` cannot be written to `{file}`", hint="name a file in a folder that exists"
            )


def _tell(report: Report, args: Namespace, style: Style) -> None:
    """Write the report to the terminal, and to the files that were asked for."""
    report = msgspec.structs.replace(report, label=args.label or "")
    sys.stdout.write(as_text(report, style))
    for name, render in _FORMATS.items():
        if file := getattr(args, name):
            Path(file).write_text(render(report), encoding="utf-8")
    if args.badge:
        badge = as_badge_json if args.badge.endswith(".json") else as_badge
        Path(args.badge).write_text(badge(report), encoding="utf-8")


def _write_matrix(file: Path, words: Sequence[str]) -> int:
    """A page that compares the agents of these reports."""
    if not words:
        raise ConfigError("no reports for the matrix", hint="name the files that `--json` has written")
    file.write_text(as_matrix([read_report(Path(word)) for word in words]), encoding="utf-8")
    return OK


def _number(name: str, text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value < math.inf:
        raise ConfigError(f"`--{name}` is `{text}`", hint="it takes a number from 1")
    return value


def as_list(requirements: Sequence[Demand], style: Style) -> str:
    """The requirements themselves, one line each."""
    width = max((len(item.id) for item in requirements), default=0)
    lines = [f"{item.id:<{width}}  {item.level:<7}  {item.text}" for item in requirements]
    return "\n".join([*lines, "", style.paint(f"{len(lines)} requirements", "bold")]) + "\n"


def as_text(report: Report, style: Style) -> str:
    """What was not judged and why, remarks, what failed, the counts by level, and the verdict last."""
    lines = _not_judged(report, style)
    for wanted in ("pass", "fail"):
        for item in report.outcomes:
            if item.verdict == wanted and item.reason:
                mark = style.paint(f"{item.verdict:<15}", _LOOKS[item.verdict])
                lines.append(f"{mark} {item.level:<7}  {item.id}: {harmless(item.reason)}")
                if wanted == "fail":
                    lines.append(f"{'':25}{style.paint(item.text, 'dim')}")
    lines += ["", f"{'':9}" + "".join(f"{verdict:>16}" for verdict in VERDICTS)]
    for level in LEVELS:
        counts = report.count(level)
        lines.append(f"{level:<9}" + "".join(f"{counts[verdict]:>16}" for verdict in VERDICTS))
    lines += _last_words(report)
    lines += ["", f"{report.headline} in {report.seconds:g} s (profile {report.profile})"]
    return "\n".join([*lines, style.paint(f"{harmless(report.name)} {report.judgement}", "bold")]) + "\n"


def _not_judged(report: Report, style: Style) -> list[str]:
    """Each reason for not judging something, and the requirements it kept from being judged."""
    ids: dict[tuple[Verdict, str], list[str]] = {}
    for verdict in ("not-advertised", "skipped", "inconclusive"):
        for item in report.outcomes:
            if item.verdict == verdict:
                ids.setdefault((verdict, item.reason), []).append(item.id)
    lines: list[str] = []
    for (verdict, reason), named in ids.items():
        lines.append(f"{style.paint(f'{verdict:<15}', _LOOKS[verdict])} {harmless(reason)}")
        lines += textwrap.wrap(
            ", ".join(named),
            width=_WIDTH,
            initial_indent=" " * 16,
            subsequent_indent=" " * 16,
            break_on_hyphens=False,
        )
    return lines


def _last_words(report: Report) -> list[str]:
    """The end of the stderr of an agent that did nothing right: it mostly says why it cannot start."""
    if any(item.verdict == "pass" for item in report.outcomes):
        return []
    stderr = next((item.stderr for item in report.outcomes if item.stderr.strip()), "")
    lines = harmless(stderr).splitlines()[-_LAST_LINES:]
    return ["", "The agent's stderr:", *(f"  {line}" for line in lines)] if lines else []


def as_changes(found: Sequence[Change], style: Style) -> str:
    """Each verdict that is another, or a line that says there is none."""
    lines = [
        style.paint(f"{change.id}: {change.before or 'not tried'} -> {change.after or 'not tried'}", look)
        for change in found
        for look in (("red" if change.is_worse else "green" if change.after == "pass" else "dim"),)
    ]
    return "\n".join(lines or ["no verdict changed"]) + "\n"
