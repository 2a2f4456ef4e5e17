"""`acp-agent doctor`: what works here, what does not, and what to do about it. Nothing leaves the machine."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

import msgspec

from acp_agent.cli.checkup import Finding, examine
from acp_agent.cli.exits import NOT_CONFIGURED, OK
from acp_agent.cli.style import Look, Style, style_for

_MARKS: dict[str, tuple[str, Look]] = {
    "ok": ("ok", "green"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "red"),
}


def main(args: Namespace) -> int:
    """Print the findings; 0 if an agent can run, 3 otherwise."""
    cwd = Path(args.cwd or ".").absolute()
    cli = {"config": args.config} if args.config else {}
    findings = examine(env=os.environ, cwd=cwd, cli=cli)
    can_run = all(finding.status != "fail" for finding in findings)
    if args.json:
        report = {"ok": can_run, "findings": [msgspec.to_builtins(finding) for finding in findings]}
        sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(findings, style_for(sys.stdout, os.environ)))
    return OK if can_run else NOT_CONFIGURED


def as_text(findings: Iterable[Finding], style: Style) -> str:
    """One line per finding with what to do below it, and the verdict last."""
    lines: list[str] = []
    failed = False
    for finding in findings:
        mark, look = _MARKS[finding.status]
        failed = failed or finding.status == "fail"
        lines.append(f"{style.paint(f'{mark:<4}', look)}  {finding.area:<12}{finding.text}")
        if finding.remedy:
            lines.append(f"{'':18}{style.paint(f'-> {finding.remedy}', 'dim')}")
    verdict = "the agent cannot run; see FAIL above" if failed else "the agent can run"
    return "\n".join([*lines, "", style.paint(verdict, "bold")]) + "\n"
