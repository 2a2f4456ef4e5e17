"""Prompts: what is said, when, and how a turn ends."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_TURN = "Prompt turn"
_STOP = "Prompt turn > Stop reasons"
_CONTENT = "Content"
_REASONS = ("end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
"""A picture of one pixel and a sound of no length, in base64."""


@requirement(
    "prompt.stop-reason",
    "MUST",
    section=_STOP,
    aliases=("ACP-PROMPT-001",),
)
async def stop_reason(stage: Stage) -> int:
    """A text prompt is answered with a stop reason, `end_turn` when the model is done."""
    session = await stage.session()
    reason = await session.turn(say("hello"))
    expect(reason in _REASONS, f"`{reason}` is no stop reason")
    if reason != "end_turn":
        session.need_script(f"the stop reason is `{reason}`")
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    return 1


@requirement(
    "prompt.text-arrives",
    "SHOULD",
    section="Prompt turn > Agent reports output",
)
async def text_arrives(stage: Stage) -> int:
    """What the model says reaches the client complete, in order and once."""
    session = await stage.session()
    words = " ".join(f"word{number}" for number in range(40))
    await session.turn(say(words))
    session.need_script()
    said = session.text()
    expect(not said or said.count(words) == 1, f"the text came out as {said[:300]!r}")
    return bool(said)


@requirement(
    "prompt.updates-of-this-session",
    "MUST",
    section=_TURN,
    aliases=("ACP-PROMPT-002",),
)
async def updates_of_this_session(stage: Stage) -> int:
    """Updates of a turn carry the id of its session."""
    session = await stage.session()
    since = len(session.agent.log)
    await session.turn(say("hello"))
    frames = session.agent.frames(since=since)
    updates = [frame for frame in frames if text_at(frame, "method") == "session/update"]
    for update in updates:
        id = text_at(update, "params", "sessionId")
        expect(id == session.id, f"an update for `{id}`; the session is `{session.id}`")
    return len(updates)


@requirement(
    "prompt.nothing-after",
    "MUST",
    section=_TURN,
)
async def nothing_after(stage: Stage) -> int:
    """What belongs to a turn is sent before the prompt is answered."""
    session = await stage.session()
    prompt = await session.begin(say("first second third"))
    await session.finish(prompt)
    after = session.agent.position_of(await session.agent.answer(prompt))
    await session.agent.wait_exit(QUIET)
    late = session.updates(
        "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", since=after
    )
    expect(not late, f"{len(late)} updates came after the answer: {jsontext.dump_text(late)[:300]}")
    return len(session.updates("agent_message_chunk"))


@requirement(
    "prompt.thinking-apart",
    "quality",
    section="Prompt turn > Agent reports output",
)
async def thinking_apart(stage: Stage) -> int:
    """Thinking is sent as thoughts, not as part of the answer."""
    session = await stage.session()
    await session.turn(Step("think", "ponderingly"))
    session.need_script()
    expect("ponderingly" not in session.text(), "a thought is in the answer")
    return "ponderingly" in session.text("agent_thought_chunk")


@requirement(
    "prompt.max-tokens",
    "SHOULD",
    section=_STOP,
)
async def max_tokens(stage: Stage) -> int:
    """An answer the model was not allowed to finish ends with `max_tokens`."""
    session = await stage.session()
    reason = await session.turn(Step("stop", "and then", "max_tokens"))
    session.need_script()
    if stage.model.n_beyond:
        raise Inconclusive("the agent asked the model to go on")
    if session.text():
        expect(reason == "max_tokens", f"the stop reason is `{reason}`")
    return bool(session.text())


@requirement(
    "prompt.failure-told",
    "MUST",
    section=_TURN,
)
async def failure_told(stage: Stage) -> int:
    """When the model's service fails the prompt is answered all the same, and the next one works."""
    session = await stage.session()
    await session.answered(await session.begin(Step("fail")))
    session.need_script()
    await session.ends_well(say("fine"), which="the next turn")
    return 1


@requirement(
    "prompt.resource-link",
    "MUST",
    section="Content > Resource link",
    aliases=("ACP-PROMPT-003",),
)
async def resource_link(stage: Stage) -> int:
    """Every agent takes links to resources in prompts."""
    file = stage.workspace / "notes.txt"
    file.write_text("notes\n", encoding="utf-8")
    return await _with_block(stage, {"type": "resource_link", "uri": file.as_uri(), "name": "notes.txt"})


@requirement(
    "prompt.image",
    "MUST",
    section=_CONTENT,
    needs=("agentCapabilities.promptCapabilities.image",),
    aliases=("ACP-PROMPTCAP-001",),
)
async def image(stage: Stage) -> int:
    """Images are taken where advertised."""
    return await _with_block(stage, {"type": "image", "data": PIXEL, "mimeType": "image/png"})


@requirement(
    "prompt.audio",
    "MUST",
    section=_CONTENT,
    needs=("agentCapabilities.promptCapabilities.audio",),
    aliases=("ACP-PROMPTCAP-002",),
)
async def audio(stage: Stage) -> int:
    """Audio is taken where advertised."""
    return await _with_block(stage, {"type": "audio", "data": SILENCE, "mimeType": "audio/wav"})


@requirement(
    "prompt.embedded-resource",
    "MUST",
    section=_CONTENT,
    needs=("agentCapabilities.promptCapabilities.embeddedContext",),
    aliases=("ACP-PROMPTCAP-003",),
)
async def embedded_resource(stage: Stage) -> int:
    """Embedded resources are taken where advertised."""
    resource: JsonObject = {"uri": "file:///notes.txt", "text": "notes", "mimeType": "text/plain"}
    return await _with_block(stage, {"type": "resource", "resource": resource})


async def _with_block(stage: Stage, block: JsonObject) -> int:
    session = await stage.session()
    await session.ends_well(say("seen"), before=(block,))
    session.need_script()
    return 1


REQUIREMENTS = (
    stop_reason,
    text_arrives,
    updates_of_this_session,
    nothing_after,
    thinking_apart,
    max_tokens,
    failure_told,
    resource_link,
    image,
    audio,
    embedded_resource,
)
