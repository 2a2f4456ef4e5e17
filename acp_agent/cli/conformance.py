"""`acp-agent conformance`: tries an agent against the protocol and reports what it found."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec

from acp_agent.base.errors import ConfigError
from acp_agent.cli.exits import FAILED, OK
from acp_agent.cli.style import Look, Style, style_for
from acp_agent.conformance.catalogue import chosen, chosen_among
from acp_agent.conformance.clients.requirements import CLIENT_REQUIREMENTS
from acp_agent.conformance.clients.running import CLIENT_TIME, run_client_requirements
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
_FORMATS = {"json": as_json, "junit": as_junit, "markdown": as_markdown, "html": as_html}


def main(args: Namespace) -> int:
    """Run, list or compare; 0 if nothing binding failed."""
    style = style_for(sys.stdout, os.environ)
    words: list[str] = args.command_line
    if args.client:
        return _try_client(args, words, style)
    requirements = chosen(args.only or "", args.level or "")
    if args.list:
        sys.stdout.write(as_list(requirements, style))
        return OK
    if args.matrix:
        return _write_matrix(Path(args.matrix), words)
    before = read_report(Path(args.compare)) if args.compare else None
    if before is not None and len(words) == 1 and words[0].endswith(".json"):
        found = changes(before, read_report(Path(words[0])))
        sys.stdout.write(as_changes(found, style))
        return FAILED if any(change.is_worse for change in found) else OK
    if args.preflight:
        report = anyio.run(preflight, Path(args.preflight), _command(words) if words else [])
    elif words:
        report = _run(args, _command(words), requirements)
    else:
        raise ConfigError(
            "no agent to try", hint="put its command behind `--`, as in `acp-agent conformance -- acp-agent`"
        )
    report = msgspec.structs.replace(report, label=args.label or "")
    _write(report, args)
    sys.stdout.write(as_text(report, style))
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
    report = anyio.run(lambda: run_client_requirements(_command(words), requirements, patience=patience))
    _write(msgspec.structs.replace(report, label=args.label or ""), args)
    sys.stdout.write(as_text(report, style))
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


def _command(words: Sequence[str]) -> list[str]:
    """The agent's command with whole paths: it is started in folders of its own."""
    program = shutil.which(words[0])
    if program is None:
        raise ConfigError(f"`{words[0]}` is no program", hint="check the command behind `--`, and `PATH`")
    return [str(Path(program).absolute()), *map(_place, words[1:])]


def _place(word: str) -> str:
    """A word as it is, or the whole path of the file here that it names: `agent.py`, `bin/agent`."""
    path = Path(word)
    names_file = (path.suffix or path.parent.name) and path.is_file()
    return str(path.absolute()) if names_file else word


def _write(report: Report, args: Namespace) -> None:
    """The files that were asked for."""
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
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = -1.0
    if value < 0 or (text is not None and value < 1):
        raise ConfigError(f"`--{name}` is `{text}`", hint="it takes a number from 1")
    return value


def as_list(requirements: Sequence[Demand], style: Style) -> str:
    """The requirements themselves, one line each."""
    width = max((len(item.id) for item in requirements), default=0)
    lines = [f"{item.id:<{width}}  {item.level:<7}  {item.text}" for item in requirements]
    return "\n".join([*lines, "", style.paint(f"{len(lines)} requirements", "bold")]) + "\n"


def as_text(report: Report, style: Style) -> str:
    """What did not pass and why, or passed with a remark, the counts by level, and the verdict last."""
    lines: list[str] = []
    for item in report.outcomes:
        if item.verdict != "pass" or item.reason:
            mark = style.paint(f"{item.verdict:<15}", _LOOKS[item.verdict])
            lines.append(f"{mark} {item.level:<7}  {item.id}: {item.reason}")
            if item.verdict == "fail":
                lines.append(f"{'':25}{style.paint(item.text, 'dim')}")
    lines += ["", f"{'':9}" + "".join(f"{verdict:>16}" for verdict in VERDICTS)]
    for level in LEVELS:
        counts = report.count(level)
        lines.append(f"{level:<9}" + "".join(f"{counts[verdict]:>16}" for verdict in VERDICTS))
    nothing_passed = not any(item.verdict == "pass" for item in report.outcomes)
    nothing_failed = not any(item.verdict == "fail" for item in report.outcomes)
    verdict = "conforms" if report.conforms else "does not conform"
    if nothing_passed and nothing_failed:
        verdict = "could not be judged"
    lines += ["", f"{report.headline} in {report.seconds:g} s (profile {report.profile})"]
    return "\n".join([*lines, style.paint(f"{report.name} {verdict}", "bold")]) + "\n"


def as_changes(found: Sequence[Change], style: Style) -> str:
    """Each verdict that is another, or a line that says there is none."""
    lines = [
        style.paint(f"{change.id}: {change.before or 'not tried'} -> {change.after or 'not tried'}", look)
        for change in found
        for look in (("red" if change.is_worse else "green" if change.after == "pass" else "dim"),)
    ]
    return "\n".join(lines or ["no verdict changed"]) + "\n"
