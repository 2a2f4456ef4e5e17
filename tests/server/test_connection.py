"""One client's whole connection, over an in-memory wire, every line judged by the protocol's schema."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest

from acp_agent.base.ids import counting_ids
from acp_agent.engine.agent_core import AgentCore, AgentParts, Defaults
from acp_agent.model.planning import Planning
from acp_agent.ports import Provider, ToolSource, Workspace
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.rpc.memory import MemoryTransport, memory_transport_pair
from acp_agent.server.connection import Connection
from acp_agent.stores.memory import MemoryStore
from acp_agent.surface.backend import AuthStatus, ProviderRoute
from acp_agent.surface.handshake import ClientOffer
from acp_agent.testing.frames import FrameValidator
from acp_agent.workspaces.local import LocalWorkspace
from tests.patience import PATIENCE

ECHO = "say: You said {prompt}\nwhen: wait\nsay: a\nwait"

PLAIN = ClientOffer()


class Backend:
    """A scripted agent without settings."""

    def __init__(self, core: AgentCore) -> None:
        self.core = core
        self.n_logins = 0
        self.n_logouts = 0
        self.status = AuthStatus("not_required")

    def defaults(self, cwd: Path) -> Defaults:
        return Defaults("scripted/script")

    def workspace(self, roots: tuple[Path, ...]) -> Workspace:
        return LocalWorkspace(roots)

    def log_in(self) -> None:
        self.n_logins += 1

    def log_out(self) -> None:
        self.n_logouts += 1

    def auth_status(self) -> AuthStatus:
        return self.status

    def provider_routes(self) -> tuple[ProviderRoute, ...]:
        return ()

    def set_provider(self, name: str, protocol: str, base_url: str, headers: Mapping[str, str]) -> None:
        pass

    def disable_provider(self, name: str) -> None:
        pass


class Client:
    """The other end of the wire: numbered requests, their answers, and every update in order."""

    def __init__(self, transport: MemoryTransport, backend: Backend) -> None:
        self.transport = transport
        self.backend = backend
        self.updates: list[Any] = []
        self.notifications: list[tuple[str, Any]] = []
        self._n_requests = 0

    def request(self, method: str, **params: object) -> dict[str, object]:
        self._n_requests += 1
        return {"jsonrpc": "2.0", "id": self._n_requests, "method": method, "params": params}

    async def send(self, *messages: object) -> None:
        """All messages in one piece, as a client that writes without pause would."""
        await self.transport.send(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    async def answer(self) -> Any:
        """The next line that is no update."""
        while True:
            with anyio.fail_after(PATIENCE):
                frame = await self.transport.receive()
            assert isinstance(frame, bytes)
            message = json.loads(frame)
            if "id" in message:
                return message
            if message["method"] == "session/update":
                self.updates.append(message["params"]["update"])
            else:
                self.notifications.append((message["method"], message["params"]))

    async def call(self, method: str, **params: object) -> Any:
        await self.send(self.request(method, **params))
        return await self.answer()

    async def result(self, method: str, **params: object) -> Any:
        answer = await self.call(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    async def error(self, method: str, **params: object) -> Any:
        answer = await self.call(method, **params)
        assert "error" in answer, answer
        return answer["error"]

    async def new_session(self, cwd: Path) -> str:
        return (await self.result("session/new", cwd=str(cwd), mcpServers=[]))["sessionId"]

    async def prompt(self, session_id: str, text: str) -> Any:
        return await self.result(
            "session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}]
        )

    @property
    def text(self) -> str:
        chunks = [update for update in self.updates if update["sessionUpdate"] == "agent_message_chunk"]
        return "".join(chunk["content"]["text"] for chunk in chunks)


@asynccontextmanager
async def connected(
    *,
    offer: ClientOffer | None = PLAIN,
    script: str = ECHO,
    frame_limit: int = 100_000,
    store: MemoryStore | None = None,
    provider: Provider | None = None,
    planning: Planning | None = None,
) -> AsyncGenerator[Client, None]:
    ours, theirs = memory_transport_pair(frame_limit)
    judge = FrameValidator(unstable=True)

    def tap(way: Literal["in", "out"], line: bytes) -> None:
        if way == "in":
            judge.feed("client", line)
        else:
            assert judge.feed("agent", line) == []

    def connect(*_: object) -> ToolSource:
        raise AssertionError("no server was named")

    async with anyio.create_task_group() as tasks:
        providers = {"scripted": provider or ScriptedProvider(script)}
        parts = AgentParts(
            store or MemoryStore(),
            providers,
            (),
            connect,
            planning=planning or Planning(),
            new_id=counting_ids(),
        )
        backend = Backend(AgentCore(parts, tasks))
        tasks.start_soon(Connection(ours, backend, offer=offer, tap=tap).serve)
        try:
            yield Client(theirs, backend)
        finally:
            await theirs.aclose()
            with anyio.fail_after(PATIENCE):
                await backend.core.aclose()


METHODS = (
    "authenticate",
    "logout",
    "session/new",
    "session/load",
    "session/resume",
    "session/list",
    "session/close",
    "session/delete",
    "session/prompt",
    "session/set_mode",
    "session/set_config_option",
)


@pytest.mark.parametrize("method", [*METHODS, "nobody/knows"])
async def test_nothing_is_served_before_initialize(method: str) -> None:
    async with connected(offer=None) as client:
        error = await client.error(method)
        assert (error["code"], error["message"]) == (-32600, "Invalid request: `initialize` must come first")
        assert (await client.result("initialize", protocolVersion=1))["protocolVersion"] == 1


async def test_a_cancel_before_initialize_is_ignored() -> None:
    async with connected(offer=None) as client:
        await client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "x"}})
        await client.result("initialize", protocolVersion=1)


@pytest.mark.parametrize("offer", [None, ClientOffer()])
async def test_initialize_is_answered_once(offer: ClientOffer | None) -> None:
    async with connected(offer=offer) as client:
        if offer is None:
            await client.result("initialize", protocolVersion=1)
        assert (await client.error("initialize", protocolVersion=1))["code"] == -32600
        await client.result("session/list")


async def test_a_refused_initialize_can_be_tried_again() -> None:
    async with connected(offer=None) as client:
        error = await client.error("initialize", protocolVersion="1")
        assert (error["code"], error["data"]["field"]) == (-32602, "protocolVersion")
        await client.result("initialize", protocolVersion=2)


async def test_what_follows_initialize_in_one_piece_finds_it_answered(tmp_path: Path) -> None:
    async with connected(offer=None) as client:
        await client.send(
            client.request("initialize", protocolVersion=1),
            client.request("session/new", cwd=str(tmp_path), mcpServers=[]),
        )
        first, second = await client.answer(), await client.answer()
        assert (first["id"], second["id"]) == (1, 2)
        assert "sessionId" in second["result"]


async def test_unknown_methods_and_misshapen_params_are_told_apart() -> None:
    async with connected() as client:
        assert (await client.error("nobody/knows"))["code"] == -32601
        for params, code in ((5, -32600), ([1], -32602)):
            await client.send({"jsonrpc": "2.0", "id": "x", "method": "session/list", "params": params})
            assert (await client.answer())["error"]["code"] == code
        await client.send({"jsonrpc": "2.0", "id": "z", "method": "session/list"})
        assert (await client.answer())["result"] == {"sessions": []}


@pytest.fixture
def real(tmp_path: Path) -> str:
    return os.path.realpath(tmp_path)


@pytest.fixture
def unusable(tmp_path: Path) -> dict[str, str]:
    """Paths no session can work in."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return {
        "relative": "src",
        "empty": "",
        "a NUL": f"{tmp_path}/a\0b",
        "endless": "/" + "x" * 5000,
        "missing": str(tmp_path / "missing"),
        "a file": str(tmp_path / "file"),
        "below a file": str(tmp_path / "file" / "x"),
        "a name no file can have": str(tmp_path / ("x" * 300)),
        "a link to itself": str(tmp_path / "loop"),
    }


async def test_a_directory_that_cannot_be_worked_in_is_refused_by_name(
    tmp_path: Path, unusable: dict[str, str]
) -> None:
    async with connected() as client:
        for cwd in unusable.values():
            error = await client.error("session/new", cwd=cwd, mcpServers=[])
            assert (error["code"], error["data"]["field"]) == (-32602, "cwd")
            more = await client.error(
                "session/new", cwd=str(tmp_path), additionalDirectories=[str(tmp_path), cwd], mcpServers=[]
            )
            assert more["data"]["field"] == "additionalDirectories[1]"
        assert (await client.result("session/list"))["sessions"] == []


async def test_listing_what_is_no_directory_finds_nothing(tmp_path: Path, unusable: dict[str, str]) -> None:
    async with connected() as client:
        await client.new_session(tmp_path)
        for name in ("missing", "a file", "a name no file can have", "a link to itself"):
            assert await client.result("session/list", cwd=unusable[name]) == {"sessions": []}
        for name in ("relative", "a NUL", "endless"):
            assert (await client.error("session/list", cwd=unusable[name]))["data"]["field"] == "cwd"
        assert len((await client.result("session/list", cwd=str(tmp_path)))["sessions"]) == 1


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("session/load", {"cwd": "."}),
        ("session/resume", {"cwd": "."}),
        ("session/close", {}),
        ("session/prompt", {"prompt": [{"type": "text", "text": "x"}]}),
        ("session/set_mode", {"modeId": "plan"}),
        ("session/set_config_option", {"configId": "mode", "value": "plan"}),
    ],
)
async def test_a_session_nobody_heard_of_is_not_found(
    tmp_path: Path, method: str, more: dict[str, object]
) -> None:
    params = dict(more)
    if "cwd" in params:
        params |= {"cwd": str(tmp_path), "mcpServers": []}
    async with connected() as client:
        error = await client.error(method, sessionId="nobody", **params)
        assert (error["code"], error["data"]) == (-32002, {"sessionId": "nobody"})
        assert "session/list" in error["message"]


async def test_forgetting_a_session_nobody_heard_of_is_no_error() -> None:
    async with connected() as client:
        assert await client.result("session/delete", sessionId="nobody") == {}
        await client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "nobody"}})
        await client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": None})
        assert await client.result("session/list") == {"sessions": []}


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("mode", "root", "value"),
        ("model", "nobody/none", "value"),
        ("colour", "red", "configId"),
        ("mode", True, "value"),
        ("mode", 5, "value"),
        (5, "x", "configId"),
    ],
)
async def test_an_option_that_cannot_be_set_says_what_can(
    tmp_path: Path, option: object, value: object, field: str
) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        error = await client.error(
            "session/set_config_option", sessionId=session_id, configId=option, value=value
        )
        assert error["code"] == -32602
        assert str(error["data"]["field"]).startswith(field)
        after = await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert after["modes"]["currentModeId"] == "ask"


async def test_a_mode_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        error = await client.error("session/set_mode", sessionId=session_id, modeId="root")
        assert (error["code"], error["data"]["field"]) == (-32602, "modeId")
        assert "accept-edits" in error["message"]


async def test_options_and_modes_are_two_views_of_one_thing(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        options = await client.result(
            "session/set_config_option", sessionId=session_id, configId="mode", value="plan"
        )
        assert [option["currentValue"] for option in options["configOptions"]] == ["plan", "scripted/script"]
        assert await client.result("session/set_mode", sessionId=session_id, modeId="auto") == {}
        kinds = [update["sessionUpdate"] for update in client.updates]
        assert kinds == ["current_mode_update", "config_option_update"] * 2
        assert client.updates[-1]["configOptions"][0]["currentValue"] == "auto"


async def test_a_prompt_is_answered_after_its_last_update(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        assert await client.prompt(session_id, "hello") == {"stopReason": "end_turn"}
        assert client.text == "You said hello"


async def test_a_cancel_right_behind_its_prompt_ends_it(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        await client.send(
            client.request("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "wait"}]),
            {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session_id}},
        )
        assert (await client.answer())["result"] == {"stopReason": "cancelled"}
        assert await client.prompt(session_id, "go on") == {"stopReason": "end_turn"}


async def test_a_prompt_that_is_withdrawn_is_answered_once_as_cancelled(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        prompt = client.request(
            "session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "wait"}]
        )
        withdrawal = {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": prompt["id"]}}
        await client.send(prompt, withdrawal)
        answer = await client.answer()
        assert (answer["id"], answer["result"]) == (prompt["id"], {"stopReason": "cancelled"})
        assert await client.prompt(session_id, "go on") == {"stopReason": "end_turn"}


async def test_a_closed_session_answers_its_prompts_and_can_be_loaded_again(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        text = [{"type": "text", "text": "wait"}]
        await client.send(client.request("session/prompt", sessionId=session_id, prompt=text))
        await client.send(client.request("session/close", sessionId=session_id))
        answers = [await client.answer(), await client.answer()]
        assert [answer["result"] for answer in answers] == [{"stopReason": "cancelled"}, {}]
        assert (await client.error("session/prompt", sessionId=session_id, prompt=text))["code"] == -32002
        client.updates.clear()
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        kinds = [update["sessionUpdate"] for update in client.updates]
        assert "user_message_chunk" in kinds
        assert await client.prompt(session_id, "go on") == {"stopReason": "end_turn"}


async def test_a_loaded_session_shows_what_was_shown_and_a_resumed_one_nothing(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        await client.result("session/close", sessionId=session_id)
        client.updates.clear()
        await client.result("session/resume", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert client.updates == []
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert client.text == "You said hello"
        client.updates.clear()
        assert await client.prompt(session_id, "again") == {"stopReason": "end_turn"}
        assert client.text == "You said again"


async def test_logging_in_and_out_reach_the_backend() -> None:
    async with connected() as client:
        assert await client.result("authenticate", methodId="configured") == {}
        error = await client.error("authenticate", methodId="magic")
        assert (error["code"], error["data"]["field"]) == (-32602, "methodId")
        assert await client.result("logout") == {}
        assert (client.backend.n_logouts, client.backend.n_logins) == (1, 1)


async def test_the_list_has_whatever_the_schema_wants(tmp_path: Path, real: str) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "a title")
        (listed,) = (await client.result("session/list"))["sessions"]
        assert (listed["sessionId"], listed["title"], listed["cwd"]) == (
            session_id,
            "a title",
            real,
        )
        assert (await client.error("session/list", cursor="nonsense"))["data"]["field"] == "cursor"


async def test_the_end_of_the_client_ends_the_connection_but_not_the_session(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        await client.send(
            client.request("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "wait"}])
        )
        await anyio.wait_all_tasks_blocked()
        await client.transport.aclose()
        await anyio.wait_all_tasks_blocked()
        assert client.backend.core.get(session_id).id == session_id
