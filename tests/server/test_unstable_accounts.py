"""Drafts of version 1 about keys and services, on an agent with settings and a model service on loopback."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest

from acp_agent.base.paths import find_places
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.sdk.agent import open_agent
from acp_agent.sdk.keys import store_key
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.secret import Secret
from acp_agent.server.connection import Connection
from acp_agent.surface.handshake import ClientOffer
from acp_agent.testing.frames import FrameValidator
from acp_agent.testing.model_server import ModelServer, serve_model
from tests.server.test_connection import Client

KEY = "sk-given-by-the-client-1234567890"
OWN_KEY = "sk-ant-own-key-0987654321"


@asynccontextmanager
async def served(tmp_path: Path, env: Mapping[str, str] | None = None) -> AsyncGenerator[Client, None]:
    """A client of the agent these variables configure; no secret ever crosses the wire towards it."""
    ours, theirs = memory_transport_pair(1_000_000)
    judge = FrameValidator(unstable=True)
    home = tmp_path / "home"
    variables = {"ACP_AGENT_HOME": str(home), "PATH": "/usr/bin:/bin", **(env or {})}

    def tap(way: Literal["in", "out"], line: bytes) -> None:
        if way == "in":
            judge.feed("client", line)
        else:
            assert judge.feed("agent", line) == []
            assert KEY.encode() not in line
            assert OWN_KEY.encode() not in line

    config = load_config(cwd=None, env=variables, cli={})
    async with open_agent(config, env=variables, options={}) as agent, anyio.create_task_group() as tasks:
        tasks.start_soon(Connection(ours, agent, offer=ClientOffer(), tap=tap).serve)
        client = Client(theirs, agent)  # pyright: ignore[reportArgumentType] # another backend than its own tests'
        try:
            yield client
        finally:
            await theirs.aclose()
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


@asynccontextmanager
async def a_service() -> AsyncGenerator[ModelServer, None]:
    async with serve_model("say: Hello from the service") as server:
        yield server


async def route(client: Client, name: str) -> Any:
    routes = (await client.result("providers/list"))["providers"]
    return next(entry for entry in routes if entry["providerId"] == name)


async def test_without_any_key_nothing_has_to_be_done_first(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        assert await client.result("auth/status") == {"state": "not_required"}


async def test_a_key_is_told_by_its_name_only(tmp_path: Path) -> None:
    async with served(tmp_path, {"ANTHROPIC_API_KEY": OWN_KEY}) as client:
        assert await client.result("auth/status") == {
            "state": "authenticated",
            "accounts": [{"label": "Anthropic API key", "active": True}],
        }


async def test_a_chosen_model_without_its_key_wants_a_login_and_prompts_say_how(tmp_path: Path) -> None:
    async with served(tmp_path, {"ACP_AGENT_MODEL": "openai/gpt-5"}) as client:
        assert await client.result("auth/status") == {"state": "unauthenticated"}
        session_id = await client.new_session(tmp_path)
        prompt = [{"type": "text", "text": "hello"}]
        error = await client.error("session/prompt", sessionId=session_id, prompt=prompt)
        assert error["code"] == -32000
        assert [method["id"] for method in error["data"]["authMethods"]] == ["configured"]
        assert "acp-agent login openai" in error["message"]
        assert "OPENAI_API_KEY" in error["message"]


async def test_a_change_is_told_once_and_only_to_clients_that_asked(tmp_path: Path) -> None:
    places = find_places({"ACP_AGENT_HOME": str(tmp_path / "home")})
    async with served(tmp_path) as client:
        await client.result("logout")
        assert client.notifications == []
        await client.result("auth/status")
        await client.result("authenticate", methodId="configured")
        assert client.notifications == []  # nothing has changed
        store_key(places, "anthropic", Secret(OWN_KEY))
        for _ in range(2):
            await client.result("authenticate", methodId="configured")
        with_key = {
            "state": "authenticated",
            "accounts": [{"label": "Anthropic API key", "active": True}],
        }
        assert client.notifications == [("auth/status_update", with_key)]
        await client.result("logout")
        assert client.notifications[1:] == [("auth/status_update", {"state": "not_required"})]


async def test_a_usable_key_never_asks_for_a_login(tmp_path: Path) -> None:
    async with a_service() as service:
        env = {
            "OPENAI_API_KEY": "sk-x",
            "OPENAI_BASE_URL": service.openai_url,
            "ACP_AGENT_MODEL": "openai/gpt-5",
        }
        async with served(tmp_path, env) as client:
            session_id = await client.new_session(tmp_path)
            assert (await client.prompt(session_id, "hello"))["stopReason"] == "end_turn"


async def test_services_are_listed_with_where_they_are(tmp_path: Path) -> None:
    async with served(tmp_path, {"ANTHROPIC_API_KEY": OWN_KEY}) as client:
        assert (await client.result("providers/list"))["providers"] == [
            {
                "providerId": "anthropic",
                "supported": ["anthropic"],
                "required": False,
                "current": {"apiType": "anthropic", "baseUrl": "https://api.anthropic.com"},
            },
            {"providerId": "openai", "supported": ["openai"], "required": False},
        ]


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
async def test_requests_go_where_the_client_says_with_its_headers_and_no_key_of_ours(
    tmp_path: Path, protocol: str
) -> None:
    async with a_service() as service:
        own = {"OPENAI_API_KEY": OWN_KEY, "ANTHROPIC_API_KEY": OWN_KEY}
        url = service.openai_url if protocol == "openai" else f"{service.anthropic_url}/v1/"
        async with served(tmp_path, own) as client:
            given = {"providerId": protocol, "apiType": protocol, "baseUrl": url}
            headers = {"Authorization": f"Bearer {KEY}", "X-Team": "blue"}
            assert await client.result("providers/set", **given, headers=headers) == {}
            assert (await route(client, protocol))["current"] == {
                "apiType": protocol,
                "baseUrl": url.rstrip("/"),
            }
            session_id = await client.new_session(tmp_path)
            assert (await client.prompt(session_id, "hello"))["stopReason"] == "end_turn"
            assert client.text == "Hello from the service"
        (request,) = service.requests
        assert (request.headers["authorization"], request.headers["x-team"]) == (f"Bearer {KEY}", "blue")
        assert OWN_KEY not in str(request.headers)


async def test_an_endpoint_without_headers_gets_none_of_ours(tmp_path: Path) -> None:
    async with a_service() as service, served(tmp_path, {"OPENAI_API_KEY": OWN_KEY}) as client:
        await client.result(
            "providers/set", providerId="openai", apiType="openai", baseUrl=service.openai_url
        )
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        assert OWN_KEY not in str(service.requests[0].headers)
        assert "authorization" not in service.requests[0].headers


async def test_an_open_session_asks_the_new_endpoint_next(tmp_path: Path) -> None:
    async with a_service() as first, a_service() as second:
        env = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": first.openai_url}
        async with served(tmp_path, {**env, "ACP_AGENT_MODEL": "openai/gpt-5"}) as client:
            session_id = await client.new_session(tmp_path)
            await client.prompt(session_id, "hello")
            await client.result(
                "providers/set", providerId="openai", apiType="openai", baseUrl=second.openai_url
            )
            await client.prompt(session_id, "again")
        assert (len(first.requests), len(second.requests)) == (1, 1)


async def test_a_service_that_is_switched_off_is_not_asked_until_it_is_set_again(tmp_path: Path) -> None:
    async with a_service() as service, served(tmp_path) as client:
        given = {"providerId": "openai", "apiType": "openai", "baseUrl": service.openai_url}
        await client.result("providers/set", **given)
        session_id = await client.new_session(tmp_path)
        await client.prompt(session_id, "hello")
        for _ in range(2):
            assert await client.result("providers/disable", providerId="openai") == {}
        assert "current" not in await route(client, "openai")
        prompt = [{"type": "text", "text": "hello"}]
        assert (await client.error("session/prompt", sessionId=session_id, prompt=prompt))["code"] == -32000
        assert len(service.requests) == 1
        await client.result("providers/set", **given)
        await client.prompt(session_id, "again")
        assert len(service.requests) == 2


async def test_switching_off_what_does_not_exist_changes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        before = await client.result("providers/list")
        assert await client.result("providers/disable", providerId="nobody") == {}
        assert await client.result("providers/list") == before


async def test_the_service_that_the_settings_name_cannot_be_switched_off(tmp_path: Path) -> None:
    async with served(tmp_path, {"ACP_AGENT_MODEL": "openai/gpt-5", "OPENAI_API_KEY": "sk-x"}) as client:
        assert (await route(client, "openai"))["required"] is True
        error = await client.error("providers/disable", providerId="openai")
        assert (error["code"], error["data"]["field"]) == (-32602, "providerId")
        assert "current" in await route(client, "openai")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"providerId": "nobody"}, "providerId"),
        ({"providerId": "scripted"}, "providerId"),
        ({"apiType": "anthropic"}, "apiType"),
        ({"apiType": "_own"}, "apiType"),
        ({"baseUrl": "ftp://host/v1"}, "baseUrl"),
        ({"baseUrl": "/v1"}, "baseUrl"),
        ({"baseUrl": f"https://user:{KEY}@host/v1"}, "baseUrl"),
        ({"baseUrl": f"https://host/v1?key={KEY}"}, "baseUrl"),
        ({"headers": {"Authorization": f"{KEY}\n"}}, "headers"),
        ({"headers": {"a b": KEY}}, "headers"),
        ({"headers": {"Content-Length": "5"}}, "headers"),
        ({"headers": {"Authorization": [KEY]}}, "headers.Authorization"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, wrong: dict[str, object], field: str
) -> None:
    async with served(tmp_path) as client:
        before = await client.result("providers/list")
        good = {"providerId": "openai", "apiType": "openai", "baseUrl": "https://host/v1"}
        error = await client.error("providers/set", **{**good, **wrong})
        assert (error["code"], error["data"]["field"]) == (-32602, field)
        assert await client.result("providers/list") == before


async def test_an_endpoint_of_the_client_counts_as_logged_in_if_it_carries_a_key(tmp_path: Path) -> None:
    async with served(tmp_path) as client:
        await client.result("auth/status")
        given = {"providerId": "openai", "apiType": "openai", "baseUrl": "https://host.invalid/v1"}
        await client.result("providers/set", **given, headers={"Authorization": f"Bearer {KEY}"})
        account = {"label": "OpenAI credentials in headers", "active": True}
        told = {"state": "authenticated", "accounts": [account]}
        assert client.notifications == [("auth/status_update", told)]


async def test_what_was_chosen_outlives_a_login_but_not_the_process(tmp_path: Path) -> None:
    given = {"providerId": "openai", "apiType": "openai", "baseUrl": "https://host.invalid/v1"}
    async with served(tmp_path) as client:
        await client.result("providers/set", **given)
        await client.result("authenticate", methodId="configured")
        assert (await route(client, "openai"))["current"]["baseUrl"] == given["baseUrl"]
    async with served(tmp_path) as client:
        assert "current" not in await route(client, "openai")


async def test_what_a_service_says_of_a_key_is_not_repeated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve_model(f"error: 401 bad key {KEY}") as service, served(tmp_path) as client:
        given = {"providerId": "openai", "apiType": "openai", "baseUrl": service.openai_url}
        await client.result("providers/set", **given, headers={"Authorization": f"Bearer {KEY}"})
        session_id = await client.new_session(tmp_path)
        prompt = [{"type": "text", "text": "hello"}]
        error = await client.error("session/prompt", sessionId=session_id, prompt=prompt)
        assert error["code"] == -32000
        assert KEY not in f"{error} {caplog.text}"
