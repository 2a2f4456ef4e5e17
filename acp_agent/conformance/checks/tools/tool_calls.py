"""Tool calls: their states, what they show, and whether it is true."""

from __future__ import annotations

from pathlib import Path

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at, object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import FINAL, Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_SECTION = "Tool calls"
_STATUS = "Tool calls > Status"
_ORDER = {"pending": 0, "in_progress": 1, "completed": 2, "failed": 2}


async def _worked(stage: Stage) -> Session:
    """A session in which two files were written and one read."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    await session.turn(
        Step("write", "one\n", str(session.file("one.txt"))),
        Step("write", "two\n", str(session.file("two.txt"))),
        Step("read", path=str(session.file("in.txt"))),
        say("that is all"),
    )
    return session


@requirement(
    "tool-call.announced",
    "SHOULD",
    section=_SECTION,
)
async def announced(stage: Stage) -> int:
    """A tool call is announced by `tool_call` before anything else is said about it, and once."""
    session = await _worked(stage)
    session.some_calls()
    known: set[str] = set()
    for update in session.updates("tool_call", "tool_call_update"):
        id = text_at(update, "toolCallId")
        if text_at(update, "sessionUpdate") == "tool_call":
            expect(id not in known, f"the call `{id}` is announced twice")
            known.add(id)
        else:
            expect(id in known, f"an update for the call `{id}`, which was not announced")
    return len(known)


@requirement(
    "tool-call.ids-differ",
    "MUST",
    section=_SECTION,
)
async def ids_differ(stage: Stage) -> int:
    """Each tool call of a session has an id of its own, in later turns too."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    for _ in range(2):
        await session.turn(Step("read", path=str(session.file("in.txt"))), say("read it"))
    session.some_calls()
    n_announced = len(session.updates("tool_call"))
    n_finals = sum(
        text_at(update, "status") in FINAL for update in session.updates("tool_call", "tool_call_update")
    )
    expect(len(session.calls()) >= min(n_announced, n_finals, 2), "two calls have the same id")
    return n_announced if n_announced > 1 else 0


@requirement(
    "tool-call.status-forward",
    "MUST",
    section=_STATUS,
)
async def status_forward(stage: Stage) -> int:
    """The status goes from pending over in progress to completed or failed, and never back."""
    session = await _worked(stage)
    session.some_calls()
    last: dict[str, str] = {}
    for update in session.updates("tool_call", "tool_call_update"):
        id, status = text_at(update, "toolCallId"), text_at(update, "status")
        if status:
            before = last.get(id, "pending")
            expect(status in _ORDER, f"`{status}` is no status")
            forward = _ORDER[status] >= _ORDER[before] and not (before in FINAL and status != before)
            expect(forward, f"the call `{id}` goes from `{before}` to `{status}`")
            last[id] = status
    return len(last)


@requirement(
    "tool-call.ended",
    "SHOULD",
    section=_STATUS,
)
async def ended(stage: Stage) -> int:
    """When a turn ends well all its calls are completed or failed."""
    session = await _worked(stage)
    calls = session.some_calls()
    for id, call in calls.items():
        status = text_at(call, "status")
        expect(status in FINAL, f"the call `{id}` is left `{status or 'pending'}`")
    return len(calls)


@requirement(
    "tool-call.failure-shown",
    "SHOULD",
    section=_STATUS,
)
async def failure_shown(stage: Stage) -> int:
    """A call that did not work is shown as failed."""
    session = await stage.session()
    await session.turn(Step("read", path=str(session.file("missing.txt"))), say("it is missing"))
    calls = session.some_calls()
    statuses = [text_at(call, "status") for call in calls.values()]
    expect("failed" in statuses, f"reading a missing file is shown as {statuses}")
    return len(calls)


@requirement(
    "tool-call.title",
    "MUST",
    section=_SECTION,
)
async def title(stage: Stage) -> int:
    """Each call has a title a person can read."""
    session = await _worked(stage)
    calls = session.some_calls()
    for id, call in calls.items():
        title = text_at(call, "title") or text_at(_asked_about(session, id), "title")
        expect(bool(title.strip()), f"the call `{id}` has no title")
    return len(calls)


@requirement(
    "tool-call.kind",
    "quality",
    section="Tool calls > Kinds",
)
async def kind(stage: Stage) -> int:
    """Reading is shown as `read`, writing as `edit`, so that clients choose the right icon and place."""
    tools = stage.profile.tools
    if "write" in tools and "run" in tools and tools["write"].name == tools["run"].name:
        raise Inconclusive("the agent's model writes files with commands")
    session = await _worked(stage)
    kinds = {
        text_at(call, "kind") or text_at(_asked_about(session, id), "kind")
        for id, call in session.some_calls().items()
    }
    expect({"read", "edit"} <= kinds, f"the kinds of a writing and a reading call are {sorted(kinds)}")
    return len(kinds)


@requirement(
    "tool-call.locations",
    "MUST",
    section="Tool calls > Following the agent",
)
async def locations(stage: Stage) -> int:
    """Locations are absolute paths, and lines count from 1."""
    session = await _worked(stage)
    session.some_calls()
    places = [
        place
        for update in session.updates("tool_call", "tool_call_update")
        for place in objects_at(update, "locations")
    ]
    for place in places:
        path, line = text_at(place, "path"), at(place, "line")
        expect(Path(path).is_absolute(), f"the location `{path}` is not absolute")
        expect(
            line is None or (isinstance(line, int) and line >= 1), f"the line {line} does not count from 1"
        )
    return len(places)


@requirement(
    "tool-call.diff-true",
    "MUST",
    section="Tool calls > Diffs",
)
async def diff_true(stage: Stage) -> int:
    """A diff shows the file as it was before and as it is afterwards, under an absolute path."""
    session = await stage.session()
    file = session.file("changed.txt", "before\n")
    await session.turn(Step("read", path=str(file)), Step("write", "after\n", str(file)), say("that is all"))
    diffs = _diffs(session)
    for diff in diffs:
        expect(
            Path(text_at(diff, "path")).is_absolute(), f"the path `{text_at(diff, 'path')}` is not absolute"
        )
        old, new = text_at(diff, "oldText"), text_at(diff, "newText")
        expect(old in ("before\n", "before"), f"`oldText` is {old!r}, the file had 'before\\n'")
        expect(new in ("after\n", "after"), f"`newText` is {new!r}, the file has 'after\\n'")
    return len(diffs)


@requirement(
    "tool-call.diff-of-new-file",
    "SHOULD",
    section="Tool calls > Diffs",
)
async def diff_of_new_file(stage: Stage) -> int:
    """The diff of a new file has no old text."""
    session = await _worked(stage)
    diffs = _diffs(session)
    for diff in diffs:
        expect(not text_at(diff, "oldText"), f"`oldText` of a new file is {text_at(diff, 'oldText')!r}")
    return len(diffs)


def _asked_about(session: Session, id: str) -> JsonObject:
    """The call as it is in a request for permission, from which clients draw what was not announced."""
    calls = [
        object_at(frame, "params", "toolCall") for frame in session.agent.calls("session/request_permission")
    ]
    return next((call for call in calls if text_at(call, "toolCallId") == id), JsonObject())


def _diffs(session: Session) -> list[JsonObject]:
    """The diffs of calls that completed."""
    return [
        content
        for call in session.some_calls().values()
        if text_at(call, "status") == "completed"
        for content in objects_at(call, "content")
        if text_at(content, "type") == "diff"
    ]


REQUIREMENTS = (
    announced,
    ids_differ,
    status_forward,
    ended,
    failure_shown,
    title,
    kind,
    locations,
    diff_true,
    diff_of_new_file,
)
