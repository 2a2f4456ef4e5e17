"""Permission requests, and whether every answer that is no yes is a no."""

from __future__ import annotations

from acp_agent.conformance.client_side import Permission
from acp_agent.conformance.reach import object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_SECTION = "Tool calls > Requesting permission"
_KINDS = ("allow_once", "allow_always", "reject_once", "reject_always")


async def _asked(stage: Stage, permission: Permission) -> tuple[Session, str]:
    """A session that had to ask before writing a file, and its stop reason."""
    session = await stage.session(permission=permission)
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))), say("that is all"))
    await session.asked(prompt)
    return session, await session.finish(prompt)


async def _is_a_no(stage: Stage, permission: Permission) -> int:
    session = await stage.session(permission=permission)
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))), say("that is all"))
    await session.asked(prompt)
    await session.agent.answer(prompt)
    expect(not session.file("out.txt").exists(), "the file was written all the same")
    return 1


@requirement(
    "permission.options",
    "MUST",
    section=_SECTION,
)
async def options(stage: Stage) -> int:
    """The options of a permission request have ids that differ, names, and kinds of the protocol."""
    session, _ = await _asked(stage, "reject")
    offered = [
        option
        for question in session.agent.calls("session/request_permission")
        for option in objects_at(question, "params", "options")
    ]
    ids = [text_at(option, "optionId") for option in offered]
    expect(len(set(ids)) == len(ids) and "" not in ids, f"the ids are {ids}")
    for option in offered:
        expect(text_at(option, "kind") in _KINDS, f"`{text_at(option, 'kind')}` is no kind of option")
        expect(bool(text_at(option, "name")), f"the option `{text_at(option, 'optionId')}` has no name")
    return len(offered)


@requirement(
    "permission.both-ways",
    "SHOULD",
    section=_SECTION,
)
async def both_ways(stage: Stage) -> int:
    """A permission request lets the user say yes and no."""
    session, _ = await _asked(stage, "cancelled")
    question = session.agent.calls("session/request_permission")[0]
    kinds = {
        text_at(option, "kind").partition("_")[0] for option in objects_at(question, "params", "options")
    }
    expect({"allow", "reject"} <= kinds, f"there are only options to {sorted(kinds)}")
    return 1


@requirement(
    "permission.names-its-call",
    "MUST",
    section=_SECTION,
)
async def names_its_call(stage: Stage) -> int:
    """A permission request is about a tool call the client knows, or describes it."""
    session, _ = await _asked(stage, "reject")
    question = session.agent.calls("session/request_permission")[0]
    call = object_at(question, "params", "toolCall")
    position = session.agent.position_of(question)
    known = {
        text_at(line.frame, "params", "update", "toolCallId")
        for line in session.agent.log[:position]
        if line.frame is not None and session.is_update(line.frame)
    }
    id = text_at(call, "toolCallId")
    expect(bool(id), "the request names no tool call")
    expect(id in known or bool(text_at(call, "title")), f"nothing is known about the call `{id}`")
    return 1


@requirement(
    "permission.allowed",
    "MUST",
    section=_SECTION,
)
async def allowed(stage: Stage) -> int:
    """What the user allows is done."""
    session, reason = await _asked(stage, "allow")
    file = session.file("out.txt")
    expect(file.exists(), "the file was not written")
    expect(file.read_text(encoding="utf-8") == "x\n", "the file has another content")
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    return 1


@requirement(
    "permission.rejected",
    "MUST",
    section=_SECTION,
)
async def rejected(stage: Stage) -> int:
    """What the user rejects is not done."""
    return await _is_a_no(stage, "reject")


@requirement(
    "permission.rejection-is-no-refusal",
    "quality",
    section="Prompt turn > Stop reasons",
)
async def no_refusal(stage: Stage) -> int:
    """A rejected call does not end the turn with `refusal`, which takes the user's message away."""
    _, reason = await _asked(stage, "reject")
    expect(reason != "refusal", "the stop reason is `refusal`")
    return 1


@requirement(
    "permission.rejection-shown",
    "SHOULD",
    section="Tool calls > Status",
)
async def rejection_shown(stage: Stage) -> int:
    """A rejected call is shown as failed."""
    session, _ = await _asked(stage, "reject")
    calls = session.calls()
    if not calls:
        raise Inconclusive("saw no tool call")
    statuses = [text_at(call, "status") for call in calls.values()]
    expect("completed" not in statuses, f"the rejected call is shown as {statuses}")
    return len(calls)


@requirement(
    "permission.dismissed",
    "MUST",
    section=_SECTION,
)
async def dismissed(stage: Stage) -> int:
    """A permission request answered `cancelled` is a no."""
    return await _is_a_no(stage, "cancelled")


@requirement(
    "permission.error",
    "MUST",
    section=_SECTION,
)
async def error(stage: Stage) -> int:
    """A permission request answered with an error is a no."""
    return await _is_a_no(stage, "error")


@requirement(
    "permission.unknown-option",
    "MUST",
    section=_SECTION,
)
async def unknown_option(stage: Stage) -> int:
    """An option that was not offered is a no."""
    return await _is_a_no(stage, "unknown-option")


@requirement(
    "permission.unknown-outcome",
    "MUST",
    section=_SECTION,
)
async def unknown_outcome(stage: Stage) -> int:
    """An outcome the protocol does not know is a no."""
    return await _is_a_no(stage, "garbage")


REQUIREMENTS = (
    options,
    both_ways,
    names_its_call,
    allowed,
    rejected,
    no_refusal,
    rejection_shown,
    dismissed,
    error,
    unknown_option,
    unknown_outcome,
)
