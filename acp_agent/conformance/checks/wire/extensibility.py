"""Room for what the agent does not know: `_meta`, methods and members of later versions."""

from __future__ import annotations

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
    session = await stage.open(agent, {"_meta": _META})
    block: JsonObject = {**text_block(prompt_text((say("hello"),))), "_meta": _META}
    params: JsonObject = {**prompt_params(session.id, block), "_meta": _META}
    reason = await session.finish(await agent.request("session/prompt", params))
    if reason != "end_turn":
        session.need_script()
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
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


@requirement("extension.notification", "MUST", section="Extensibility > Custom notifications")
async def notification(stage: Stage) -> int:
    """A notification the agent does not know is passed over."""
    agent = await stage.ready()
    before = len(agent.log)
    await agent.notify("_conformance/unknown", {"a": 1})
    await stage.open(agent)
    errors = [frame for frame in agent.frames(since=before) if "error" in frame]
    expect(not errors, f"the agent answered {errors}")
    return 1


@requirement("extension.nulls", "SHOULD", section="Schema")
async def nulls(stage: Stage) -> int:
    """Optional members may be null, which some languages write for what is not there."""
    agent = await stage.start()
    info: JsonObject = {"name": "conformance", "title": None, "version": "1", "_meta": None}
    params: JsonObject = {**initialize_params({"_meta": None}), "clientInfo": info, "_meta": None}
    await agent.result("initialize", params)
    session = await stage.open(agent, {"_meta": None})
    block: JsonObject = {**text_block(prompt_text((say("hello"),))), "annotations": None, "_meta": None}
    prompt = await agent.request("session/prompt", {**prompt_params(session.id, block), "_meta": None})
    await session.finish(prompt)
    return 3


@requirement("extension.unknown-capabilities", "MUST", section="Initialization > Client capabilities")
async def unknown_capabilities(stage: Stage) -> int:
    """Capabilities the agent does not know, and `_meta` in known ones, do no harm."""
    offer: JsonObject = {
        "fs": {"readTextFile": False, "writeTextFile": False, "conformanceFuture": True, "_meta": _META},
        "conformanceFuture": [1, 2],
        "_meta": _META,
    }
    session = await stage.session(offer=offer)
    expect(bool(session.id), "no session was opened")
    return 1


REQUIREMENTS = (
    method,
    meta,
    unknown_members,
    cancel_unknown_request,
    notification,
    nulls,
    unknown_capabilities,
)
