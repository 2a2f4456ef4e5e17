"""What checks amount to, of one report and of many.

A required check that failed: failed. One that is pending, or a risk that remains: somebody has to look. No
checks: skipped. Everything else has passed; an optional check that failed is told and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from acp_agent.model import events
from acp_agent.model.verification import Check, Report, VerificationStatus, VerificationSummary, Verified

_WORST_FIRST: tuple[VerificationStatus, ...] = ("failed", "needs_review", "passed")
_MARKS = {"passed": "ok", "failed": "FAILED", "pending": "not run"}


def status_of(checks: Sequence[Check], residual_risks: Sequence[str] = ()) -> VerificationStatus:
    """What these checks amount to."""
    required = [check.status for check in checks if check.required]
    if "failed" in required:
        return "failed"
    if "pending" in required or residual_risks or any(check.residual_risk for check in checks):
        return "needs_review"
    return "passed" if checks else "skipped"


def report_on(subject: str, checks: Sequence[Check], residual_risks: Sequence[str] = ()) -> Report:
    """The report about these checks; their risks are among its own."""
    of_checks = (check.residual_risk for check in checks if check.residual_risk)
    risks = tuple(dict.fromkeys((*residual_risks, *of_checks)))
    return Report(
        subject=subject, status=status_of(checks, risks), checks=tuple(checks), residual_risks=risks
    )


def summary_of(reports: Iterable[Report]) -> VerificationSummary:
    """All of them together; of several about one subject only the last counts."""
    latest = {report.subject: report for report in reports}
    checks = [check for report in latest.values() for check in report.checks]
    risks = tuple(dict.fromkeys(risk for report in latest.values() for risk in report.residual_risks))
    statuses = [check.status for check in checks]
    return VerificationSummary(
        status=_worst([report.status for report in latest.values()]),
        report_count=len(latest),
        check_count=len(checks),
        passed_count=statuses.count("passed"),
        failed_count=statuses.count("failed"),
        pending_count=statuses.count("pending"),
        residual_risks=risks,
    )


def summary_text(reports: Sequence[Report]) -> str:
    """All of them together, to be read: a line for the whole, then one for each check."""
    summary = summary_of(reports)
    if not summary.report_count:
        return "Verification: skipped (nothing was verified)"
    counts = f"{summary.passed_count} passed, {summary.failed_count} failed, {summary.pending_count} not run"
    lines = [f"Verification: {summary.status} ({counts})"]
    for report in {report.subject: report for report in reports}.values():
        lines.append(f"{report.subject}: {report.status}")
        lines += [_line(check) for check in report.checks]
    lines += [f"risk: {risk}" for risk in summary.residual_risks]
    return "\n".join(lines)


def reports_in(journal: Iterable[events.Event]) -> list[Report]:
    """The reports among these events, in order."""
    return [
        event.news.report
        for event in journal
        if isinstance(event, events.AidTold) and isinstance(event.news, Verified)
    ]


def _line(check: Check) -> str:
    optional = "" if check.required else ", optional"
    code = f", exit code {check.exit_code}" if check.exit_code else ""
    return f"- {check.description} ({check.kind}{optional}): {_MARKS[check.status]}{code}"


def _worst(statuses: Sequence[VerificationStatus]) -> VerificationStatus:
    for status in _WORST_FIRST:
        if status in statuses:
            return status
    return "skipped"
