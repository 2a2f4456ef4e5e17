"""What a program sets and adds: commands, rules, MCP servers, environment, places, patience."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.model import chat
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid, McpFailed, RunFailed, SessionClosed
from acp_agent.sdk.embed.options.host_env import RetryConfig
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.sessions.extensions import CommandContext
from acp_agent.sdk.embed.stores.session_stores import MemorySessionStore
from acp_agent.workspaces.local import LocalWorkspace
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home

SMALL = {"command": sys.executable, "args": ["-I", "-S", str(Path(__file__).with_name("small_mcp.py"))]}


def test_a_command_of_the_program_is_answered_without_the_model(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    seen: list[CommandContext] = []

    def deploy(args: str, ctx: CommandContext) -> str:
        seen.append(ctx)
        return f"deployed to {args}"

    async def fail(args: str, ctx: CommandContext) -> str:
        raise ValueError("no disk")

    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    session.register_command("deploy", "Deploy it", deploy)
    session.register_command("fail", "Fail", fail)
    asked = len(model.requests)
    result = session.send("/deploy staging")
    assert (result.text, result.usage.total_tokens, result.tool_calls_count) == ("deployed to staging", 0, 0)
    assert session.send("/fail").text == "The command failed: no disk"
    assert len(model.requests) == asked
    (context,) = seen
    assert (context.workspace, context.model, context.history_len) == (session.workspace, session.model, 2)
    assert (context.total_tokens, "read" in context.tool_names) == (120, True)
    names = [command.name for command in session.list_commands()]
    assert {"help", "deploy", "fail"} <= set(names)
    assert "/deploy" in session.send("/help").text
    session.register_command("deploy", "Deploy it better", lambda args, ctx: "better")
    assert session.send("/deploy").text == "better"
    for name in ("", "two words", "a/b", "help"):
        with pytest.raises(ConfigInvalid):
            session.register_command(name, "No", deploy)


def test_a_policy_may_change_and_is_saved_as_it_is(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    options: dict[str, Any] = {"session_store": MemorySessionStore(), "auto_save": True, "llm_client": model}
    session = agent.session(home.workspace, options, session_id="s")
    session.send("write it")
    assert not (home.workspace / "made.txt").exists()
    session.set_permission_policy(PermissionPolicy.permissive())
    session.send("write it")
    assert (home.workspace / "made.txt").exists()
    (home.workspace / "made.txt").unlink()
    resumed = agent.resume_session("s", options)
    resumed.send("write it")
    assert (home.workspace / "made.txt").exists()
    resumed.set_permission_policy({"deny": ["write"]})
    (home.workspace / "made.txt").unlink()
    resumed.send("write it")
    assert not (home.workspace / "made.txt").exists()
    with pytest.raises(ConfigInvalid, match="permission_policy"):
        resumed.set_permission_policy({"allow": ["write((("]})
    resumed.close()
    with pytest.raises(SessionClosed):
        resumed.set_permission_policy({})


def test_tools_are_described_as_the_model_knows_them(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace)
    described = {str(one["name"]): one for one in session.tool_definitions}
    assert list(described) == session.tool_names
    assert described["read"]["description"]
    assert described["read"]["parameters"]["type"] == "object"  # type: ignore[index,call-overload]


async def test_an_mcp_server_comes_goes_and_is_let_go_while_nobody_needs_it(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model, tool_timeout_ms=50)
    assert session.mcp_status() == {}
    with anyio.fail_after(PATIENCE):  # it is a program
        n_tools = await session.add_mcp_server("demo", SMALL)
        status = session.mcp_status()["demo"]
        assert (status.connected, status.tool_count, status.error) == (True, n_tools, None)
        mine = [name for name in session.tool_names if name.startswith("mcp__demo__")]
        assert len(mine) == n_tools
        slow = await session.tool("mcp__demo__slow", {})
        assert (slow.error_kind, slow.success) == ("timeout", False)  # as any other tool
        assert await async_agent.disconnect_idle_mcp(60_000) == []
        assert await async_agent.disconnect_idle_mcp(0) == ["demo"]
        assert await async_agent.disconnect_idle_mcp(0) == []
        assert (session.mcp_status()["demo"].connected, set(mine) & set(session.tool_names)) == (False, set())
        await session.send("hi")  # needs it again
        assert session.mcp_status()["demo"].connected
        assert await async_agent.refresh_mcp_tools() == n_tools
        with pytest.raises(McpFailed, match="nothing") as failed:
            await session.add_mcp_server("nothing", {"command": "no-such-program"})
        assert failed.value.code == "mcp_failed"
        assert list(session.mcp_status()) == ["demo"]
        assert session.remove_mcp_server("demo")
        assert not session.remove_mcp_server("demo")
        assert session.mcp_status() == {}
    with pytest.raises(ConfigInvalid):
        await session.add_mcp_server("odd", {"cmd": "x"})


def test_commands_have_the_variables_that_the_program_gives_them(agent: Agent, home: Home) -> None:
    session = agent.session(home.workspace, command_env={"STAGE": "test", "SOME_TOKEN": "given on purpose"})
    assert session.bash('echo "$STAGE $SOME_TOKEN"').splitlines()[0] == "test given on purpose"
    other = agent.session(home.workspace)
    assert "given on purpose" not in other.bash('echo "$STAGE $SOME_TOKEN"')


def test_a_workspace_of_the_program_stands_in_for_the_folder(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    elsewhere = home.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "notes.txt").write_text("buy bread", encoding="utf-8")
    session = agent.session(
        home.workspace, llm_client=model, workspace_backend=LocalWorkspace((elsewhere,), home.env)
    )
    assert session.workspace == str(elsewhere)
    assert "buy bread" in session.send("read it").text


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel confines on Linux only")
def test_item_011_a_sandbox_that_is_required_confines_or_says_that_it_cannot(
    agent: Agent, home: Home
) -> None:
    outside = home.folder / "outside.txt"
    free = agent.session(home.workspace, sandbox="off")
    free.bash(f"echo free > {outside}")
    assert outside.read_text("utf-8") == "free\n"
    confined = agent.session(home.workspace, sandbox="require")
    told = confined.tool("bash", {"command": f"echo broken > {outside}"})
    assert told.exit_code != 0
    assert outside.read_text("utf-8") == "free\n"


class Silent(ScriptedProvider):
    """Never says anything."""

    async def stream(self, request: chat.ModelRequest) -> AsyncGenerator[chat.ModelDelta, None]:
        self.requests.append(request)
        await anyio.sleep_forever()
        yield chat.TextDelta("")


def test_a_request_that_takes_too_long_is_ended_and_tried_again(agent: Agent, home: Home) -> None:
    silent = Silent("say: x")
    session = agent.session(
        home.workspace, llm_client=silent, llm_api_timeout_ms=1, circuit_breaker_threshold=2
    )
    with pytest.raises(RunFailed, match="the LLM request timed out after 1 ms") as failed:
        session.send("hi")
    assert (failed.value.code, len(silent.requests)) == ("timeout", 2)


def test_a_request_in_time_is_not_disturbed(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model, llm_api_timeout_ms=60_000)
    assert "remember the milk" in session.send("read it").text


def test_how_often_a_service_is_asked_again_is_an_option(home: Home, serve: Any) -> None:
    server = serve("error: 503 busy")
    config = {
        "model": "openai/m",
        "providers": {
            "openai": {"type": "openai", "base_url": server.openai_url, "api_key": "k", "models": ["m"]}
        },
    }
    retry = RetryConfig(max_retries=2, base_delay_ms=1, max_delay_ms=2)
    with Agent.create(config, env=home.env) as agent:
        session = agent.session(home.workspace, retry_config=retry, circuit_breaker_threshold=1)
        with pytest.raises(RunFailed):
            session.send("hi")
        assert len(server.requests) == 3
        for wrong in ({"retries": 1}, {"max_retries": -1}, {"base_delay_ms": "x"}):
            with pytest.raises(ConfigInvalid, match="retry_config"):
                agent.session(home.workspace, retry_config=wrong)


def test_settings_from_a_mapping(home: Home, tmp_path: Path) -> None:
    with Agent.from_config({"sessions_dir": str(tmp_path / "kept"), "max_steps": 3}, env=home.env) as agent:
        assert agent.list_saved_sessions() == []
