"""The first exchange: versions, names, capabilities, ways to log in."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at, object_at, objects_at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.responses import result_of
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.verdicts import NotAdvertised, expect

_SECTION = "Initialization"
_VERSION = "Initialization > Version negotiation"


@requirement(
    "initialize.version-1",
    "MUST",
    section=_VERSION,
    aliases=("ACP-INIT-001", "ACP-INIT-002"),
)
async def version_1(stage: Stage) -> int:
    """An agent that is offered version 1 answers with version 1."""
    result = await stage.initialize(await stage.start())
    expect(at(result, "protocolVersion") == 1, f"answered {jsontext.dump_text(result)[:300]}")
    return 1


@requirement(
    "initialize.unknown-version",
    "MUST",
    section=_VERSION,
    aliases=("ACP-INIT-003",),
)
async def unknown_version(stage: Stage) -> int:
    """An agent that is offered a version it does not know answers with the newest it knows."""
    agent = await stage.start()
    info: JsonObject = {"name": "conformance", "version": "1"}
    params: JsonObject = {
        "protocolVersion": 65535,
        "clientCapabilities": {},
        "clientInfo": info,
        "info": info,
    }
    response = await agent.ask("initialize", params, patience=stage.profile.start_time)
    version = at(result_of("initialize", response), "protocolVersion")
    expect(isinstance(version, int) and 1 <= version < 65535, f"answered version {version}")
    return 1


@requirement(
    "initialize.agent-info",
    "SHOULD",
    section=_SECTION,
    aliases=("ACP-INIT-004",),
)
async def agent_info(stage: Stage) -> int:
    """The agent tells its name and version."""
    result = await stage.initialize(await stage.start())
    info = object_at(result, "agentInfo")
    expect(bool(text_at(info, "name")) and bool(text_at(info, "version")), f"`agentInfo` is {info}")
    return 1


@requirement(
    "initialize.minimal",
    "MUST",
    section=_SECTION,
)
async def minimal(stage: Stage) -> int:
    """The protocol version alone is enough; everything else a client may leave out."""
    agent = await stage.start()
    response = await agent.ask("initialize", {"protocolVersion": 1}, patience=stage.profile.start_time)
    expect(at(result_of("initialize", response), "protocolVersion") == 1, "not answered with version 1")
    return 1


@requirement(
    "initialize.keyless",
    "quality",
    section="Registry > Authentication check",
)
async def keyless(stage: Stage) -> int:
    """The first exchange needs no key and no settings, so registries and editors can try the agent."""
    agent = await stage.start(keyless=True)
    result = await stage.initialize(agent)
    expect(at(result, "protocolVersion") == 1, "not answered with version 1")
    return 1


@requirement(
    "initialize.capabilities-are-objects",
    "MUST",
    section="Initialization > Agent capabilities",
)
async def capabilities(stage: Stage) -> int:
    """Advertised capabilities have the types of the schema; what is not offered is left out or false."""
    result = await stage.initialize(await stage.start())
    offered = object_at(result, "agentCapabilities")
    expect(isinstance(offered.get("loadSession", False), bool), "`loadSession` is no boolean")
    for name in ("promptCapabilities", "mcpCapabilities", "sessionCapabilities"):
        expect(isinstance(offered.get(name, {}), dict), f"`{name}` is no object")
    for name, value in object_at(offered, "sessionCapabilities").items():
        expect(isinstance(value, dict | None), f"`sessionCapabilities.{name}` is no object but {value}")
    return len(offered)


@requirement(
    "auth.no-terminal-method",
    "MUST",
    section="Authentication > Terminal",
    aliases=("ACP-AUTH-002",),
)
async def no_terminal_method(stage: Stage) -> int:
    """A login in a terminal is offered only to clients that can open one for it."""
    result = await stage.initialize(await stage.start())
    kinds = [text_at(method, "type") for method in objects_at(result, "authMethods")]
    if not kinds:
        raise NotAdvertised("there are no ways to log in")
    expect("terminal" not in kinds, "a method of type `terminal` was offered")
    return len(kinds)


@requirement(
    "auth.ids-unique",
    "SHOULD",
    section="Authentication",
    aliases=("ACP-AUTH-001",),
)
async def auth_ids_unique(stage: Stage) -> int:
    """The ids of the ways to log in differ."""
    offer: JsonObject = {"auth": {"terminal": True}}
    result = await stage.initialize(await stage.start(), offer)
    ids = [text_at(method, "id") for method in objects_at(result, "authMethods")]
    if not ids:
        raise NotAdvertised("there are no ways to log in")
    expect(len(set(ids)) == len(ids) and "" not in ids, f"the ids are {ids}")
    return len(ids)


REQUIREMENTS = (
    version_1,
    unknown_version,
    agent_info,
    minimal,
    keyless,
    capabilities,
    no_terminal_method,
    auth_ids_unique,
)
