"""What only one side may begin with when the other has offered it: kinds of updates, system prompts."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import expect_refused
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import WATCHWORD, Step, say
from acp_agent.conformance.verdicts import Inconclusive, expect

_DRAFT = "System prompts"
_SYSTEM_PROMPT = ("agentCapabilities.sessionCapabilities.systemPrompt",)

_OFFERED_KINDS = {
    "notice": "session.notices",
    "compaction_update": "session.compaction",
    "compaction_summary_chunk": "session.compaction",
    "plan_update": "plan",
    "plan_removed": "plan",
    "subagent_update": "subagents",
    "session_message": "subagents",
    "session_message_chunk": "subagents",
}
"""Kinds of updates, and the capability of the client that allows them."""


@requirement("updates.only-if-offered", "MUST", section="Initialization > Client capabilities")
async def only_if_offered(stage: Stage) -> int:
    """Kinds of updates that a client has to offer to understand are not sent to one that does not."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    steps = (Step("plan", "work"), Step("read", path=str(session.file("in.txt"))), say("that is all"))
    await session.turn(*steps)
    await session.answered(await session.begin(Step("fail")))
    session.need_script()
    sent = [text_at(update, "sessionUpdate") for update in session.updates()]
    for kind in sent:
        needed = _OFFERED_KINDS.get(kind)
        expect(needed is None, f"`{kind}` was sent, and the client does not offer `{needed}`")
    return len(sent)


def _system_prompt(mode: str) -> JsonObject:
    words = f"If asked for the watchword, say {WATCHWORD}."
    return {"systemPrompt": {"mode": mode, "content": [{"type": "text", "text": words}]}}


@requirement("system-prompt.reaches-model", "MUST", section=_DRAFT, version="v1 draft", needs=_SYSTEM_PROMPT)
async def reaches_model(stage: Stage) -> int:
    """Where advertised, the words a client adds to the system prompt get to the model."""
    session = await stage.session(params=_system_prompt("append"))
    await session.turn(Step("look"))
    session.need_script()
    said = session.text()
    if not said:
        raise Inconclusive("nothing was said of what the model saw")
    expect("watchword" in said, f"the model was told nothing of it, but {said!r}")
    return 1


@requirement("system-prompt.unknown-mode", "MUST", section=_DRAFT, version="v1 draft", needs=_SYSTEM_PROMPT)
async def unknown_mode(stage: Stage) -> int:
    """A way to combine system prompts that the agent does not know is an error, and not guessed at."""
    agent = await stage.ready()
    params: JsonObject = {**stage.new_params(), **_system_prompt("conformance-unknown")}
    response = await agent.ask("session/new", params)
    expect_refused("session/new", response, f"answered {jsontext.dump_text(response)[:300]}")
    return 1


REQUIREMENTS = (only_if_offered, reaches_model, unknown_mode)
