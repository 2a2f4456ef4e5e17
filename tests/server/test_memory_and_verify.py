"""Memory and verification as a client meets them: two commands, and calls it is asked about."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from acp_agent import ports
from acp_agent.base.ids import counting_ids
from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults
from acp_agent.engine.aids.aids import Aids, Equip
from acp_agent.engine.memory.tiers import Memory
from acp_agent.model.context import AidNews
from acp_agent.model.toolcall import ToolOutcome, succeeded
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.server.connection import Connection
from acp_agent.stores.memories import InMemoryStore
from acp_agent.stores.memory import MemoryStore
from acp_agent.testing.frames import FrameValidator
from tests.engine.conftest import Tool
from tests.patience import PATIENCE
from tests.server.replying import ReplyingProvider
from tests.server.test_connection import PLAIN, Backend, Client


class Equipped(Backend):
    """An agent whose sessions have aids."""

    def __init__(self, core: AgentCore, equip: Equip | None) -> None:
        super().__init__(core)
        self._equip = equip

    def defaults(self, cwd: Path) -> Defaults:
        return Defaults("scripted/script", equip=self._equip)


@asynccontextmanager
async def served(
    model: ReplyingProvider, *tools: ports.Tool, equip: Equip | None = None
) -> AsyncGenerator[Client]:
    ours, theirs = memory_transport_pair(100_000)
    judge = FrameValidator(unstable=True)

    def tap(way: str, line: bytes) -> None:
        assert judge.feed("client" if way == "in" else "agent", line) == []

    def connect(*_: object) -> ports.ToolSource:
        raise AssertionError("no server was named")

    async with anyio.create_task_group() as tasks:
        parts = AgentParts(MemoryStore(), {"scripted": model}, tools, connect, new_id=counting_ids())
        backend = Equipped(AgentCore(parts, tasks), equip)
        tasks.start_soon(Connection(ours, backend, offer=PLAIN, tap=tap).serve)
        try:
            yield Client(theirs, backend)
        finally:
            await theirs.aclose()
            with anyio.fail_after(PATIENCE):
                await backend.core.aclose()


def commands(client: Client) -> list[str]:
    updates = [one for one in client.updates if one["sessionUpdate"] == "available_commands_update"]
    return [command["name"] for command in updates[-1]["availableCommands"]]


async def answered(client: Client, session_id: str, text: str, choices: Sequence[str] = ()) -> Any:
    """Prompt, answer each question with the next choice; the result of the prompt."""
    prompt = client.request("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}])
    await client.send(prompt)
    left = list(choices)
    while True:
        message = await client.answer()
        if message.get("method") != "session/request_permission":
            return message["result"]
        outcome = {"outcome": "selected", "optionId": left.pop(0)}
        await client.send({"jsonrpc": "2.0", "id": message["id"], "result": {"outcome": outcome}})


async def test_memory_is_recalled_with_the_prompt_and_kept_from_the_client(tmp_path: Path) -> None:
    store = InMemoryStore()

    def equip(tell: Callable[[AidNews], None]) -> Aids:
        return Aids(Memory(store, tell=tell))

    model = ReplyingProvider()
    async with served(model, equip=equip) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "fix the parser")
        assert "memory" in commands(client)
        await client.prompt(session_id, "is the parser right?")
        (note,) = [text for text in model.told() if "Remembered from earlier work" in text]
        assert "Done: fix the parser" in note
        assert "Remembered" not in client.text
        client.updates.clear()
        await client.prompt(session_id, "/memory forget all")
        assert client.text == "Everything was forgotten: 2 memories."
        client.updates.clear()
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert "Remembered" not in str(client.updates)


async def test_without_the_setting_there_is_no_memory_and_no_command(tmp_path: Path) -> None:
    model = ReplyingProvider()
    async with served(model) as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "fix the parser")
        assert ("memory" in commands(client), "verify" in commands(client)) == (False, True)
        await client.prompt(session_id, "fix the parser")
        assert model.told() == ["fix the parser", "answer 1", "fix the parser"]


async def test_the_projects_checks_are_calls_the_client_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n", encoding="utf-8")

    async def work(args: JsonObject, _context: ports.ToolContext) -> ToolOutcome:
        await anyio.lowlevel.checkpoint()
        return succeeded(f"ran {args['command']}", raw_output={"exit_code": 0})

    tool = Tool("bash", "execute", work)
    model = ReplyingProvider()
    async with served(model, tool) as client:
        session_id = await client.new_session(tmp_path)
        choices = ("allow_once", "reject_once", "allow_once")
        assert (await answered(client, session_id, "/verify", choices))["stopReason"] == "end_turn"
        assert [args["command"] for args in tool.runs] == ["go build ./...", "go test ./..."]
        ends = [one["status"] for one in client.updates if one.get("status") in ("completed", "failed")]
        assert ends == ["completed", "failed", "completed"]
        assert f"**Verification of `{tmp_path.name}`: needs_review**" in client.text
        assert model.requests == []
        shown = client.text
        client.updates.clear()
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert client.text == shown
        await client.prompt(session_id, "hello")
        assert model.told() == ["hello"]
