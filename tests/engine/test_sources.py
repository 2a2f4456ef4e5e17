"""Tools that come with a session: waited for, offered, their failures told once."""

from __future__ import annotations

from typing import cast

import anyio
import msgspec
import pytest

from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.sources import JOIN_TIME
from acp_agent.model import events
from acp_agent.model.chat import FromTools, FromUser
from acp_agent.model.content import ResourceLink, Text
from acp_agent.model.mcp import ChannelServer, HttpServer, McpServer, PromptInfo, ResourceInfo, StdioServer
from acp_agent.ports import MessageChannel
from tests.engine.conftest import ROOT, VIRTUAL_CLOCK, Host, Source, Stage, Tool, Workspace, open_stage

TWO_STEPS = "call: extra {}\n---\nsay: {result}"


def warnings(host: Host) -> list[tuple[str, str]]:
    return [(event.title, event.detail) for event in host.told if isinstance(event, events.Noticed)]


async def test_tools_of_a_source_are_offered_after_the_built_in_ones_and_run() -> None:
    tool = Tool("extra")
    async with open_stage(TWO_STEPS, Tool("builtin"), sources=[Source("s", tools=[tool])]) as stage:
        await stage.prompt("go")
        assert [spec.name for spec in stage.provider.requests[0].tools] == ["builtin", "extra"]
        assert (len(tool.runs), stage.host.text) == (1, "done")


async def test_a_source_cannot_replace_a_built_in_tool() -> None:
    builtin, intruder = Tool("extra"), Tool("extra")
    async with open_stage(TWO_STEPS, builtin, sources=[Source("s", tools=[intruder])]) as stage:
        await stage.prompt("go")
        assert (len(builtin.runs), len(intruder.runs)) == (1, 0)


async def test_a_source_that_failed_is_noticed_once_and_the_others_work() -> None:
    sources = [Source("bad", failure="no such command"), Source("good", tools=[Tool("extra")])]
    async with open_stage(TWO_STEPS, sources=sources) as stage:
        await stage.prompt("one")
        await stage.prompt("two")
        assert warnings(stage.host) == [("MCP server `bad` is not available", "no such command")]
        assert stage.host.text == "donedone"


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_source_that_hangs_is_waited_for_once_and_not_blamed_on_others() -> None:
    sources = [Source("stuck", settles=False), Source("good", tools=[Tool("extra")])]
    async with open_stage(TWO_STEPS, sources=sources) as stage:
        started = anyio.current_time()
        await _prompt_slowly(stage, "one")
        await _prompt_slowly(stage, "two")
        assert JOIN_TIME <= anyio.current_time() - started < JOIN_TIME + 5
        assert [title for title, _ in warnings(stage.host)] == ["MCP server `stuck` is not available"]
        assert stage.host.text == "donedone"


async def _prompt_slowly(stage: Stage, text: str) -> None:
    """As `Stage.prompt`, with the patience this test is about."""
    turn_id = stage.say(text)
    while not any(end.turn_id == turn_id for end in stage.host.ends):  # noqa: ASYNC110 - time must pass
        await anyio.sleep(0.1)


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_turn_waiting_for_a_source_can_be_cancelled() -> None:
    async with open_stage("say: x", sources=[Source("stuck", settles=False)]) as stage:
        stage.say("go")
        await stage.host.wait_for(lambda: bool(stage.host.of(events.UserSaid)))
        stage.session.cancel()
        await stage.host.wait_ends(1)
        assert stage.host.ends[0].stop_reason == "cancelled"
        assert warnings(stage.host) == []


async def test_sources_run_as_long_as_the_session() -> None:
    source = Source("s")
    async with open_stage("say: x", sources=[source]) as stage:
        await stage.prompt("go")
        assert source.running
        await stage.session.close()
        assert not source.running


async def test_a_server_named_by_the_client_wins_over_a_configured_one_of_its_name() -> None:
    configured = Defaults("scripted/script", servers=(StdioServer("s", "theirs"), StdioServer("t", "theirs")))
    sources = [Source("s"), Source("t")]
    async with open_stage("say: x", sources=sources, defaults=configured) as stage:
        assert stage.connected == [StdioServer("s", "the client's"), StdioServer("t", "the client's")]


async def open_again(stage: Stage, *servers: McpServer, channel: MessageChannel | None = None) -> None:
    """Open the live session once more, with these servers."""
    opening = msgspec.structs.replace(stage.opening, servers=servers, channel=channel)
    assert await stage.core.open(stage.session.id, opening) is stage.session


def servers(*names: str) -> tuple[McpServer, ...]:
    return tuple(StdioServer(name, "the client's") for name in names)


async def test_opening_a_live_session_again_connects_new_servers_and_ends_dropped_ones() -> None:
    kept, dropped = Source("kept", tools=[Tool("one")]), Source("dropped", tools=[Tool("two")])
    added = Source("added", tools=[Tool("three")])
    async with open_stage("say: x\n---\nsay: y", sources=[kept, dropped, added]) as stage:
        await open_again(stage, *servers("kept", "dropped"))
        await stage.prompt("go")
        assert [spec.name for spec in stage.provider.requests[-1].tools] == ["one", "two"]
        await open_again(stage, *servers("kept", "added"))
        await stage.prompt("go")
        assert [spec.name for spec in stage.provider.requests[-1].tools] == ["one", "three"]
        assert (kept.running, dropped.running, added.running) == (True, False, True)
        assert [server.name for server in stage.connected].count("kept") == 1


async def test_a_server_with_other_settings_is_connected_anew() -> None:
    async with open_stage("say: x", sources=[Source("s")]) as stage:
        await stage.prompt("go")
        await open_again(stage, HttpServer("s", "https://example.org"))
        assert [type(server) for server in stage.connected] == [StdioServer, HttpServer]


async def test_a_server_that_failed_is_tried_again_when_the_session_is_opened_again() -> None:
    source = Source("s", failure="it was not started yet")
    async with open_stage("say: x\n---\nsay: y\n---\nsay: z", sources=[source]) as stage:
        await stage.prompt("go")
        await open_again(stage, *servers("s"))
        source.failure = None
        await stage.prompt("go")
        await open_again(stage, *servers("s"))
        assert len(stage.connected) == 2
        assert len(warnings(stage.host)) == 1


async def test_a_server_that_a_client_is_changes_with_the_client() -> None:
    here, there = cast("MessageChannel", object()), cast("MessageChannel", object())
    source, server = Source("s"), ChannelServer("s", "id")
    async with open_stage("say: x", sources=[source]) as stage:
        await open_again(stage, server, channel=here)
        await open_again(stage, server, channel=here)
        assert stage.connected.count(server) == 1
        await open_again(stage, server, channel=there)
        assert stage.connected.count(server) == 2
        assert source.context is not None
        assert source.context.channel is there


async def test_other_directories_are_told_to_the_servers_that_stay() -> None:
    source = Source("s")
    async with open_stage("say: x", sources=[source]) as stage:
        await open_again(stage, *servers("s"))
        assert source.n_roots_changed == 0
        moved = msgspec.structs.replace(stage.opening, workspace=Workspace(ROOT, ROOT.parent))
        await stage.core.open(stage.session.id, moved)
        assert source.n_roots_changed == 1
        assert source.context is not None
        assert source.context.roots() == (ROOT, ROOT.parent)


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_prompts_of_a_source_that_changed_are_offered_to_the_client() -> None:
    source = Source("docs")
    async with open_stage("say: x", sources=[source]) as stage:
        stage.session.offering.welcome()
        await anyio.sleep(1)  # of a virtual clock: the client was told what there is
        n_told = len(stage.host.of(events.CommandsOffered))
        source.set_prompts(PromptInfo("facts"))
        assert source.context is not None
        source.context.changed()
        await anyio.sleep(1)
        told = [event for event in stage.host.told if isinstance(event, events.CommandsOffered)][n_told:]
        assert ["mcp:docs:facts" in [info.name for info in event.commands] for event in told] == [True]


LIST_AND_READ = """
call: mcp_list_resources {}
---
call: mcp_read_resource {"uri": "doc://one"}
---
say: done
"""
ONE = ResourceInfo("doc://one", "one", "The first", "text/plain", 3)
MANY = ResourceInfo("doc://{n}", "any", is_template=True)


async def test_resources_can_be_listed_and_read_by_the_model_without_asking() -> None:
    sources = [Source("docs", resources=[ONE, MANY]), Source("other", resources=[])]
    async with open_stage(LIST_AND_READ, sources=sources) as stage:
        await stage.prompt("go")
        assert [spec.name for spec in stage.provider.requests[0].tools] == [
            "mcp_list_resources",
            "mcp_read_resource",
        ]
        assert answers(stage) == [
            "# docs\n- doc://one (one, text/plain, 3 bytes): The first\n- doc://{n} (any)",
            "what docs says of doc://one",
        ]


def answers(stage: Stage) -> list[str]:
    """What the calls were answered with."""
    return [
        part.text
        for message in stage.provider.requests[-1].messages
        if isinstance(message, FromTools)
        for result in message.results
        for part in result.content
        if isinstance(part, Text)
    ]


async def test_a_resource_is_read_from_the_server_that_has_it() -> None:
    two = ResourceInfo("doc://two", "two")
    script = """
call: mcp_read_resource {"uri": "doc://two"}
---
call: mcp_read_resource {"uri": "doc://one", "server": "b"}
---
call: mcp_read_resource {"uri": "doc://three"}
---
call: mcp_list_resources {"server": "c"}
---
say: done
"""
    sources = [Source("a", resources=[ONE]), Source("b", resources=[two])]
    async with open_stage(script, sources=sources) as stage:
        await stage.prompt("go")
        assert answers(stage) == [
            "what b says of doc://two",
            "no resource `doc://one`",
            "no MCP server lists `doc://three`; see `mcp_list_resources`, or name the server it is from",
            "no MCP server `c` has resources; those that have: `a`, `b`",
        ]


@pytest.mark.parametrize(
    ("uri", "given"),
    [
        ("doc://one", '<file uri="doc://one">\nwhat docs says of doc://one\n</file>'),
        ("doc://two", "[attached and not opened: two <doc://two>; only files in the workspace are]"),
    ],
)
async def test_a_link_to_a_servers_resource_is_read_for_the_model(uri: str, given: str) -> None:
    async with open_stage("say: x", sources=[Source("docs", resources=[ONE])]) as stage:
        turn_id = stage.session.submit((ResourceLink(uri, uri.removeprefix("doc://")),))
        await stage.host.wait_for(lambda: any(end.turn_id == turn_id for end in stage.host.ends))
        (message,) = stage.provider.requests[0].messages
        assert isinstance(message, FromUser)
        assert message.content == (Text(given),)
