"""`/verify`: running what usually checks a project; each command is asked about as `bash` would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.engine.commands.markdown import code, one_line
from acp_agent.engine.commands.slash import BuiltinCommand
from acp_agent.model import events
from acp_agent.model.command import CommandInfo
from acp_agent.model.verification import Check, Report, Verified

if TYPE_CHECKING:
    from acp_agent.engine.commands.slash import Desk

_MARKS = {"passed": "✓", "failed": "✗", "pending": "○"}


async def verify_project(typed: str, desk: Desk) -> str:
    """Run the commands of the project's kind, or those of them that are of the kind typed."""
    from acp_agent.engine.verification.asked import asked_first  # lazy: most sessions verify nothing
    from acp_agent.engine.verification.presets import presets_of  # lazy: as above
    from acp_agent.engine.verification.verifying import verify  # lazy: as above

    session = desk.session
    presets = await presets_of(session.workspace)
    known = [command for preset in presets for command in preset.commands]
    if not known:
        return (
            "There is nothing to verify by: no `Cargo.toml`, `package.json`, `pyproject.toml` or `go.mod` in "
            "the session's directory says how."
        )
    commands = [command for command in known if not typed or typed in (command.kind, command.id)]
    if not commands:
        kinds = ", ".join(f"`{kind}`" for kind in dict.fromkeys(command.kind for command in known))
        return f"{code(typed)} is no kind of check here. There are: {kinds}."
    bench = await session.answer_context().set_bench()
    subject = session.workspace.roots[0].name
    report = await verify(subject, commands, asked_first(bench, desk.new_id))
    await session.journal.record(events.AidTold(Verified(report)))
    return _shown(report)


def _shown(report: Report) -> str:
    lines = [_line(check) for check in report.checks]
    return "\n".join((f"**Verification of {code(report.subject)}: {report.status}**\n", *lines))


def _line(check: Check) -> str:
    about = f"- {_MARKS[check.status]} {one_line(check.description)}: {code(check.command)}"
    optional = "" if check.required else " (optional)"
    if check.status == "pending":
        return f"{about}{optional} was not run"
    ending = f", exit code {check.exit_code}" if check.exit_code else ""
    return f"{about}{optional} {check.status}{ending}"


VERIFY = BuiltinCommand(
    CommandInfo("verify", "Run the project's usual checks", "[test|lint|build|…]"), verify_project
)
