"""Options, modes, plans and tokens as a client sees them, live and after loading again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.ids import counting_ids
from acp_agent.engine.agent_core import AgentCore, AgentParts
from acp_agent.model.chat import ModelDelta, ModelRequest, StepFinished, TextDelta, Usage
from acp_agent.model.session import ModelInfo
from acp_agent.ports import ToolSource
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.server.connection import Connection
from acp_agent.stores.memory import MemoryStore
from acp_agent.surface.handshake import ClientOffer
from acp_agent.testing.frames import FrameValidator
from acp_agent.tools.builtin import builtin_tools
from tests.patience import PATIENCE
from tests.server.test_connection import Backend, Client

THINKER = ModelInfo(
    "local/thinker",
    "Thinker",
    thinks=True,
    thought_levels=("off", "low"),
    parameters=("temperature", "parallel_calls"),
)
SCRIPT = """\
say: hello
usage: 100 20
when: plan
call: todo {"entries": [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}]}
usage: 100 20
---
say: That is all.
usage: 200 5
when: propose
call: switch_mode {"plan": "1. Look"}
---
say: Off I go.
"""


class Thinker:
    """Counts tokens of every kind."""

    name = "local"

    def models(self) -> tuple[ModelInfo, ...]:
        return (THINKER,)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelDelta, None]:
        await anyio.lowlevel.checkpoint()
        yield TextDelta(f"Level {request.thought_level or 'none'}.")
        yield StepFinished("stop", Usage(1_000, 300, 600, 100, 250))

    async def prepare(self) -> None: ...

    async def aclose(self) -> None: ...


@asynccontextmanager
async def connected(offer: ClientOffer | None = None) -> AsyncGenerator[Client, None]:
    ours, theirs = memory_transport_pair(1_000_000)
    offer = offer or ClientOffer()
    judge = FrameValidator(unstable=offer.reads_drafts)

    def tap(way: Literal["in", "out"], line: bytes) -> None:
        found = judge.feed("client" if way == "in" else "agent", line)
        assert way == "in" or found == []

    def connect(*_: object) -> ToolSource:
        raise AssertionError("no server was named")

    async with anyio.create_task_group() as tasks:
        providers = {"scripted": ScriptedProvider(SCRIPT), "local": Thinker()}
        parts = AgentParts(MemoryStore(), providers, builtin_tools(), connect, new_id=counting_ids())
        backend = Backend(AgentCore(parts, tasks))
        tasks.start_soon(Connection(ours, backend, offer=offer, tap=tap).serve)
        try:
            yield Client(theirs, backend)
        finally:
            await theirs.aclose()
            with anyio.fail_after(PATIENCE):
                await backend.core.aclose()


async def opened(client: Client, cwd: Path) -> tuple[str, list[Any]]:
    answer = await client.result("session/new", cwd=str(cwd), mcpServers=[])
    return answer["sessionId"], answer["configOptions"]


def values(options: list[Any]) -> dict[str, Any]:
    return {option["id"]: option["currentValue"] for option in options}


async def test_models_of_several_providers_come_in_groups(tmp_path: Path) -> None:
    async with connected() as client:
        _, options = await opened(client, tmp_path)
        (model,) = (option for option in options if option["id"] == "model")
        assert [(group["group"], len(group["options"])) for group in model["options"]] == [
            ("scripted", 1),
            ("local", 1),
        ]


async def test_another_model_brings_its_own_options_in_answer_and_update(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, options = await opened(client, tmp_path)
        assert values(options) == {"mode": "ask", "model": "scripted/script"}
        answer = await client.result(
            "session/set_config_option", sessionId=session_id, configId="model", value="local/thinker"
        )
        assert values(answer["configOptions"]) == {
            "mode": "ask",
            "model": "local/thinker",
            "thought_level": "off",
            "temperature": "default",
            "parallel_calls": "on",
        }
        categories = [option["category"] for option in answer["configOptions"]]
        assert categories == ["mode", "model", "thought_level", "model_config", "model_config"]
        assert client.updates == [
            {"sessionUpdate": "config_option_update", "configOptions": answer["configOptions"]}
        ]


async def test_a_level_is_told_to_the_model_and_comes_back_with_the_session(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        for option, value in (("model", "local/thinker"), ("thought_level", "low")):
            await client.result(
                "session/set_config_option", sessionId=session_id, configId=option, value=value
            )
        await client.prompt(session_id, "hello")
        assert client.text == "Level low."
        await client.result("session/close", sessionId=session_id)
        for method in ("session/load", "session/resume"):
            answer = await client.result(method, sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
            assert values(answer["configOptions"])["thought_level"] == "low"
            assert answer["modes"]["currentModeId"] == "ask"


async def test_requests_sent_in_one_piece_are_answered_as_if_one_by_one(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        chosen = [
            ("model", "local/thinker"),
            ("thought_level", "low"),
            ("temperature", "1"),
            ("mode", "plan"),
        ]
        await client.send(
            *(
                client.request(
                    "session/set_config_option", sessionId=session_id, configId=option, value=value
                )
                for option, value in chosen
            )
        )
        answers = [await client.answer() for _ in chosen]
        assert ["result" in answer for answer in answers] == [True, True, False, True]
        error = answers[2]["error"]  # what thinks takes no temperature
        assert (error["code"], error["data"]["field"]) == (-32602, "configId")
        assert "thought_level" in error["message"]
        assert values(answers[3]["result"]["configOptions"])["mode"] == "plan"


async def test_a_switch_is_boolean_only_for_clients_that_draw_it(tmp_path: Path) -> None:
    for offer, off, on in ((ClientOffer(), "off", "on"), (ClientOffer(boolean_options=True), False, True)):
        async with connected(offer) as client:
            session_id, _ = await opened(client, tmp_path)
            settings = {"sessionId": session_id, "configId": "model", "value": "local/thinker"}
            answer = await client.result("session/set_config_option", **settings)
            assert values(answer["configOptions"])["parallel_calls"] is on or on == "on"
            typed = {"type": "boolean"} if offer.boolean_options else {}
            settings = {"sessionId": session_id, "configId": "parallel_calls", "value": off, **typed}
            answer = await client.result("session/set_config_option", **settings)
            (switch,) = (option for option in answer["configOptions"] if option["id"] == "parallel_calls")
            assert switch["currentValue"] == off
            assert switch["type"] == ("boolean" if offer.boolean_options else "select")
            assert ("options" in switch) == (not offer.boolean_options)


async def test_a_value_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        setting = {"sessionId": session_id, "configId": "model"}
        await client.result("session/set_config_option", **setting, value="local/thinker")
        setting["configId"] = "thought_level"
        error = await client.error("session/set_config_option", **setting, value="deep")
        assert (error["code"], error["data"]["field"]) == (-32602, "value")
        assert "off, low" in error["message"]


@pytest.mark.parametrize("offer", [ClientOffer(plans=True), ClientOffer(subagents=True)])
async def test_the_answer_to_a_prompt_counts_each_token_of_its_turn_once(
    offer: ClientOffer, tmp_path: Path
) -> None:
    async with connected(offer) as client:
        session_id, _ = await opened(client, tmp_path)
        two_steps = {"totalTokens": 325, "inputTokens": 300, "outputTokens": 25}
        for _ in range(2):  # of this turn, not of the session
            assert (await client.prompt(session_id, "plan"))["usage"] == two_steps
        setting = {"sessionId": session_id, "configId": "model", "value": "local/thinker"}
        await client.result("session/set_config_option", **setting)
        usage = (await client.prompt(session_id, "hello"))["usage"]
        assert usage == {
            "totalTokens": 1_300,
            "inputTokens": 300,
            "outputTokens": 50,
            "thoughtTokens": 250,
            "cachedReadTokens": 600,
            "cachedWriteTokens": 100,
        }
        assert usage.pop("totalTokens") == sum(usage.values())


async def test_a_client_that_knows_the_stable_protocol_only_gets_no_usage(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        assert await client.prompt(session_id, "plan") == {"stopReason": "end_turn"}


async def test_a_prompt_whose_model_does_not_count_has_no_usage(tmp_path: Path) -> None:
    async with connected(ClientOffer(plans=True)) as client:
        session_id, _ = await opened(client, tmp_path)
        setting = {"sessionId": session_id, "configId": "mode", "value": "plan"}
        await client.result("session/set_config_option", **setting)
        await client.send(
            client.request(
                "session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "propose"}]
            )
        )
        question = await client.answer()
        await client.send(
            {"jsonrpc": "2.0", "id": question["id"], "result": {"outcome": {"outcome": "cancelled"}}}
        )
        assert (await client.answer())["result"] == {"stopReason": "end_turn"}


def of(client: Client, *kinds: str) -> list[Any]:
    return [update for update in client.updates if update["sessionUpdate"] in kinds]


async def test_a_plan_at_rest_is_shown_the_same_after_loading(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        await client.prompt(session_id, "plan")
        live = of(client, "plan")
        statuses = [[entry["status"] for entry in plan["entries"]] for plan in live]
        assert statuses == [["completed", "in_progress"], ["completed", "pending"]]
        await client.result("session/close", sessionId=session_id)
        client.updates.clear()
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        assert of(client, "plan") == live


async def test_leaving_plan_mode_is_asked_with_the_plan_and_shown_in_both_places(tmp_path: Path) -> None:
    async with connected() as client:
        session_id, _ = await opened(client, tmp_path)
        await client.result("session/set_mode", sessionId=session_id, modeId="plan")
        client.updates.clear()
        await client.send(
            client.request(
                "session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": "propose"}]
            )
        )
        question = await client.answer()
        assert question["method"] == "session/request_permission"
        asked = question["params"]
        assert asked["toolCall"]["kind"] == "switch_mode"
        assert "1. Look" in str(asked["toolCall"]["content"])
        names = ["Yes, and accept edits", "Yes, and ask before changes", "No, stay in plan mode"]
        assert [option["name"] for option in asked["options"]] == names
        outcome = {"outcome": "selected", "optionId": asked["options"][0]["optionId"]}
        await client.send({"jsonrpc": "2.0", "id": question["id"], "result": {"outcome": outcome}})
        assert (await client.answer())["result"]["stopReason"] == "end_turn"
        (mode,) = of(client, "current_mode_update")
        assert mode["currentModeId"] == "accept-edits"
        assert values(of(client, "config_option_update")[-1]["configOptions"])["mode"] == "accept-edits"
