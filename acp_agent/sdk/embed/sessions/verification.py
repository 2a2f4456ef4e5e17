"""Whether a session's work is right, for its program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from acp_agent.engine.verification.presets import presets_of
from acp_agent.engine.verification.shell import SHELL, arguments_of
from acp_agent.engine.verification.status import report_on, summary_of, summary_text
from acp_agent.engine.verification.verifying import Ran, verify
from acp_agent.model import events
from acp_agent.model.verification import Preset, Report, VerificationCommand, VerificationSummary, Verified
from acp_agent.sdk.embed.errors import ConfigInvalid, ToolFailed
from acp_agent.sdk.embed.sessions.base import SessionBase
from acp_agent.sdk.embed.sessions.direct_tools import call_tool

VerificationReport: TypeAlias = Report
"""The name of a report in the library."""

T = TypeVar("T", bound=msgspec.Struct)


class SessionVerification(SessionBase):
    """Verifies, and keeps the reports with the session."""

    async def verify_commands(
        self, subject: str, commands: Sequence[VerificationCommand | Mapping[str, object]]
    ) -> Report:
        """Run the commands one after another in the session's folder; what they came to.

        Like all tools that the program calls itself, they are run without asking anybody.

        Raises:
            ConfigInvalid: one of them is no command.
            SessionClosed: the session is closed.
        """
        self._check_open()
        wanted = [_converted(command, VerificationCommand) for command in commands]
        report = await verify(subject, wanted, self._run_unasked)
        await self._keep(report)
        return report

    async def record_verification_reports(self, reports: Sequence[Report | Mapping[str, object]]) -> None:
        """Add reports from elsewhere; their status is worked out from their checks.

        Raises:
            ConfigInvalid: one of them is no report.
            SessionClosed: the session is closed.
        """
        self._check_open()
        checked = [_converted(_with_status(report), Report) for report in reports]
        for report in checked:
            await self._keep(report_on(report.subject, report.checks, report.residual_risks))

    def verification_reports(self) -> list[Report]:
        """All reports, in order, those from before it was resumed too."""
        return self._host.reports()

    def verification_summary(self) -> VerificationSummary:
        """What they amount to; of several reports about one subject the last counts."""
        return summary_of(self._host.reports())

    def verification_summary_text(self) -> str:
        """The same to be read."""
        return summary_text(self._host.reports())

    async def verification_presets(self) -> list[Preset]:
        """The usual commands for the kinds of project that its folder holds, for `verify_commands`."""
        self._check_open()
        return list(await presets_of(self._session.workspace))

    async def _run_unasked(self, command: VerificationCommand) -> Ran:
        session = self._session
        try:
            result = await call_tool(
                self._opened.tools(), SHELL, arguments_of(command), session.workspace, session.id
            )
        except ToolFailed as exc:
            return Ran(refused=str(exc))
        raw = result.data
        code = raw.get("exit_code") if isinstance(raw, dict) else None
        return Ran(exit_code=code if isinstance(code, int) else None, output=result.output)

    async def _keep(self, report: Report) -> None:
        session = self._session
        session.journal.begin(session.record)
        await session.journal.record(events.AidTold(Verified(report)))


def _with_status(report: Report | Mapping[str, object]) -> Report | Mapping[str, object]:
    return report if isinstance(report, Report) else {"status": "skipped", **report}


def _converted(value: T | Mapping[str, object], kind: type[T]) -> T:
    if isinstance(value, kind):
        return value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise ConfigInvalid(f"`{kind.__name__}`: {exc}") from exc
