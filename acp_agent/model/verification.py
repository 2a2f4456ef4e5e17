"""What was checked, by whom it can be checked again, and how it turned out."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

CheckStatus: TypeAlias = Literal["passed", "failed", "pending"]
VerificationStatus: TypeAlias = Literal["passed", "failed", "needs_review", "skipped"]

SCHEMA = "a3s.verification_report.v1"
"""The shape of a report, by the name that other programs know it by."""


class VerificationCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command whose exit code says whether something is right.

    Attributes:
        kind: what it looks at, such as `test`, `lint`, `build`.
        required: whether a failure counts.
        timeout_ms: milliseconds it may take; two minutes if not said.
    """

    id: str
    command: str
    kind: str = "test"
    description: str = ""
    required: bool = True
    timeout_ms: int | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was to be checked.

    Attributes:
        status: `pending` if it was not carried out.
        suggested_tools: what it can be carried out with.
        evidence_uris: where the result can be looked up.
        residual_risk: what is uncertain all the same.
        command: what was run for it.
        exit_code: how that ended; None if it was not run to its end.
        output: the end of what it printed.
    """

    id: str
    kind: str
    description: str
    status: CheckStatus
    required: bool = True
    suggested_tools: tuple[str, ...] = ()
    evidence_uris: tuple[str, ...] = ()
    residual_risk: str | None = None
    command: str = ""
    exit_code: int | None = None
    output: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The checks of one subject, and what they amount to."""

    subject: str
    status: VerificationStatus
    checks: tuple[Check, ...] = ()
    residual_risks: tuple[str, ...] = ()
    schema: str = SCHEMA


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """The usual commands for one kind of project; `found` is the file it was told by."""

    name: str
    found: str
    commands: tuple[VerificationCommand, ...]


class VerificationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Several reports together; numbers are of checks unless they say otherwise."""

    status: VerificationStatus
    report_count: int = 0
    check_count: int = 0
    passed_count: int = 0
    failed_count: int = 0
    pending_count: int = 0
    residual_risks: tuple[str, ...] = ()


class Verified(msgspec.Struct, frozen=True, tag="verified"):
    """Something was verified; part of the session's history."""

    report: Report
