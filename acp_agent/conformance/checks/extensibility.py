"""Room for what the agent does not know: `_meta`, methods and members of later versions."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage, initialize_params
from acp_agent.conformance.steps import prompt_params, prompt_text, say, text_block
from acp_agent.conformance.verdicts import expect

_SECTION = "Extensibility"
_META: JsonObject = {"example.com/conformance": {"nested": [1, None, "x"]}}


@requirement(
    "extension.method",
    "MUST",
    section="Extensibility > Custom requests",
    aliases=("ACP-EXT-001",),
)
async def method(stage: Stage) -> int:
    """A request for an extension the agent does not know is answered."""
    agent = await stage.ready()
    await agent.ask("_conformance/unknown", {"a": 1})
    return 1


@requirement(
    "extension.meta",
    "MUST",
    section="Extensibility > The _meta field",
    aliases=("ACP-META-001",),
)
async def meta(stage: Stage) -> int:
    """`_meta` is taken wherever the protocol allows it, and changes nothing."""
    agent = await stage.start()
    await agent.result("initialize", {**initialize_params(), "_meta": _META})
    opened = await agent.result("session/new", {**stage.new_params(), "_meta": _META})
    block: JsonObject = {**text_block(prompt_text((say("hello"),))), "_meta": _META}
    params: JsonObject = {**prompt_params(str(at(opened, "sessionId")), block), "_meta": _META}
    result = await agent.result("session/prompt", params)
    expect(at(result, "stopReason") == "end_turn", f"answered {jsontext.dump_text(result)}")
    return 3


@requirement(
    "extension.unknown-members",
    "SHOULD",
    section=_SECTION,
)
async def unknown_members(stage: Stage) -> int:
    """Members the agent does not know, as of later versions, do no harm."""
    agent = await stage.start()
    offer: JsonObject = {"conformanceFuture": {"a": 1}}
    await agent.result("initialize", {**initialize_params(offer), "conformanceFuture": 1})
    opened = await agent.result("session/new", {**stage.new_params(), "conformanceFuture": [1]})
    expect(isinstance(at(opened, "sessionId"), str), "no session was opened")
    return 2


@requirement(
    "extension.cancel-unknown-request",
    "MUST",
    section="Cancellation of requests",
)
async def cancel_unknown_request(stage: Stage) -> int:
    """Withdrawing a request that does not exist does no harm."""
    agent = await stage.ready()
    await agent.notify("$/cancel_request", {"requestId": 4711})
    await stage.open(agent)
    return 1


REQUIREMENTS = (method, meta, unknown_members, cancel_unknown_request)
