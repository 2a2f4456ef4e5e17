"""Tools that come with a session: waited for, offered, their failures told once."""

from __future__ import annotations

import anyio
import pytest

from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.sources import JOIN_TIME
from acp_agent.model import events
from acp_agent.model.mcp import StdioServer
from tests.engine.conftest import VIRTUAL_CLOCK, Host, Source, Stage, Tool, open_stage

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
