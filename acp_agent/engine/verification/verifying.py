"""Commands that check something, one after another, and the report about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from acp_agent.engine.verification.status import report_on
from acp_agent.model.verification import Check, Report, VerificationCommand

MAX_OUTPUT = 2_000
"""Characters of a command's output in a report: the last ones."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended.

    Attributes:
        exit_code: None if it did not come to its end.
        refused: why it was not run at all; empty if it was.
        evidence: where it can be looked up.
    """

    exit_code: int | None = None
    output: str = ""
    refused: str = ""
    evidence: tuple[str, ...] = ()


RunCommand: TypeAlias = Callable[[VerificationCommand], Awaitable[Ran]]
"""Runs a command as whoever wants it verified may run it."""


async def verify(subject: str, commands: Sequence[VerificationCommand], run: RunCommand) -> Report:
    """Run them all, whatever the ones before came to."""
    return report_on(subject, [_check(command, await run(command)) for command in commands])


def _check(command: VerificationCommand, ran: Ran) -> Check:
    passed = ran.exit_code == 0 and not ran.refused
    return Check(
        id=command.id,
        kind=command.kind,
        description=command.description or command.command,
        status="pending" if ran.refused else "passed" if passed else "failed",
        required=command.required,
        suggested_tools=("bash",) if ran.refused else (),
        evidence_uris=ran.evidence,
        residual_risk=f"`{command.command}` was not run: {ran.refused}" if ran.refused else None,
        command=command.command,
        exit_code=ran.exit_code,
        output=ran.output[-MAX_OUTPUT:],
    )
