"""The folder a session works in, which is not the process's, and what may be listed beside it."""

from __future__ import annotations

from pathlib import Path

from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import expect

_SECTION = "Session setup > Working directory"


def _folder(stage: Stage, name: str) -> Path:
    folder = stage.workspace / name
    folder.mkdir()
    return folder


async def _leaves_a_mark(session: Session) -> None:
    await session.turn(Step("run", "echo here > mark.txt"), say("that is all"))
    session.some_calls()
    session.need_tools("run")


@requirement("session.directory", "MUST", section=_SECTION)
async def directory(stage: Stage) -> int:
    """Commands run in the session's folder, wherever the agent was started."""
    inner = _folder(stage, "inner")
    session = await stage.session(params={"cwd": str(inner)})
    await _leaves_a_mark(session)
    if not (inner / "mark.txt").exists():
        expect(not (stage.workspace / "mark.txt").exists(), "the command ran where the agent was started")
        return 0
    return 1


@requirement("session.directories-apart", "MUST", section=_SECTION)
async def directories_apart(stage: Stage) -> int:
    """Each session works in its own folder, a second one of the same process too."""
    first, second = _folder(stage, "first"), _folder(stage, "second")
    session = await stage.session(params={"cwd": str(first)})
    other = await stage.open(session.agent, {"cwd": str(second)})
    await _leaves_a_mark(other)
    expect(not (first / "mark.txt").exists(), "the command ran in the folder of the other session")
    return (second / "mark.txt").exists()


@requirement(
    "session.additional-directories",
    "MUST",
    section="Session setup > Additional directories",
    needs=("agentCapabilities.sessionCapabilities.additionalDirectories",),
    aliases=("ACP-ADDDIRS-001",),
)
async def additional_directories(stage: Stage) -> int:
    """Where advertised, a session is opened with further absolute folders."""
    further = stage.home / "further"
    further.mkdir()
    session = await stage.session(params={"additionalDirectories": [str(further)]})
    expect(bool(session.id), "no session was opened")
    return 1


@requirement(
    "session.additional-directory-read",
    "SHOULD",
    section="Session setup > Additional directories",
    needs=("agentCapabilities.sessionCapabilities.additionalDirectories",),
)
async def additional_directory_read(stage: Stage) -> int:
    """Files of a further folder can be read."""
    further = stage.home / "further"
    further.mkdir()
    (further / "note.txt").write_text("further words\n", encoding="utf-8")
    session = await stage.session(params={"additionalDirectories": [str(further)]})
    await session.turn(Step("read", path=str(further / "note.txt")), say("that is all"))
    calls = session.some_calls()
    statuses = [call.get("status") for call in calls.values()]
    expect("completed" in statuses, f"reading in a further folder is shown as {statuses}")
    return len(calls)


REQUIREMENTS = (directory, directories_apart, additional_directories, additional_directory_read)
