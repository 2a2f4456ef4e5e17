"""What the descriptions of this library promise and no other story here tells, by number."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import acp_agent
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid, SessionNotFound, ToolFailed
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.permission import PermissionPolicy
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.stores.session_data import SessionConfig, SessionData, SessionMessage
from acp_agent.sdk.embed.stores.session_stores import FileSessionStore, MemorySessionStore
from acp_agent.testing.model_server import ModelServer
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home

SMALL = str(Path(__file__).with_name("small_mcp.py"))


def test_item_001_a_session_is_bound_to_one_workspace(agent: Agent, home: Home) -> None:
    (home.folder / "other").mkdir()
    (home.folder / "other" / "own.txt").write_text("mine", encoding="utf-8")
    one, two = agent.session(home.workspace), agent.session(home.folder / "other")
    assert (one.workspace, two.workspace) == (str(home.workspace), str(home.folder / "other"))
    assert two.read_file("own.txt") == "mine"
    with pytest.raises(ToolFailed, match="no such file"):
        one.read_file("own.txt")
    with pytest.raises(ToolFailed, match="outside the workspace"):
        one.read_file("../other/own.txt")


def test_item_002_an_agent_makes_sessions_without_waiting_and_without_options(
    agent: Agent, home: Home
) -> None:
    assert agent.session(str(home.workspace)).model == agent.session(home.workspace, None).model
    assert agent.session(home.workspace, {}).history() == []


async def test_item_002_in_async_code_too_it_is_a_plain_call(async_agent: AsyncAgent, home: Home) -> None:
    session = async_agent.session(home.workspace)
    assert not session.is_closed()
    assert session.init_warning is None
    missing = async_agent.session(home.folder / "nowhere")
    assert "does not exist" in (missing.init_warning or "")


def test_item_011_every_option_of_the_first_table_has_a_spelling() -> None:
    options = (
        SessionOptions(parse_retries=1, tool_timeout_ms=2, circuit_breaker=3)  # pyright: ignore[reportCallIssue] # their other names
        .with_model("openai/gpt-4o")
        .with_skills_from_dir("skills")
        .with_agents_from_dir("agents")
        .with_sandbox("require")
        .with_prompt_slots(acp_agent.SystemPromptSlots(role="Ada"))
    )
    assert (options.max_parse_retries, options.tool_timeout_ms) == (1, 2)
    assert (options.circuit_breaker_threshold, options.sandbox) == (3, "require")
    assert (options.skill_dirs, options.agent_dirs, options.slots.role) == (["skills"], ["agents"], "Ada")
    assert options.with_resilience_defaults().max_parse_retries == 2


def test_item_011_a_sandbox_that_is_a_virtual_machine_is_refused_with_a_way_out(
    agent: Agent, home: Home
) -> None:
    with pytest.raises(ConfigInvalid, match="virtual machine") as refused:
        agent.session(home.workspace, sandbox={"image": "alpine:latest", "memory_mb": 512})
    assert "`require`" in refused.value.hint
    with pytest.raises(ConfigInvalid, match="none of auto, require, off"):
        agent.session(home.workspace, {"sandbox": "firecracker"})


async def test_item_054_056_events_are_read_with_async_for_and_any_field_on_any_event(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    events = [event async for event in session.stream("read it")]
    for event in events:
        assert event.type == event.event_type
        fields = (event.text, event.tool_name, event.tool_output, event.error, event.total_tokens)
        assert all(value is None or isinstance(value, str | int) for value in fields)
    named = [event for event in events if event.tool_name]
    assert {event.event_type for event in named} == {"tool_start", "tool_execution_start", "tool_end"}
    assert [event.tool_output is not None for event in named] == [False, False, True]


def test_item_048_a_consumer_that_knows_few_kinds_gets_along(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    said = ""
    for event in agent.session(home.workspace, llm_client=model).stream("read it"):
        match event.event_type:
            case "text_delta":
                said += event.text or ""
            case "end":
                assert event.text == said.partition("read.")[2]
            case _:
                assert event.to_dict()["type"] == event.event_type
    assert AgentEvent("kind_of_tomorrow").text is None


def test_item_055_a_stream_read_by_hand_ends_with_done(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    stream = agent.session(home.workspace, llm_client=model).stream("hi")
    kinds: list[str] = []
    while True:
        value, done = stream.next()
        if done:
            break
        assert value is not None
        kinds.append(value.type)
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert stream.next() == (None, True)


async def test_item_055_an_async_stream_is_read_by_hand_the_same_way(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    stream = async_agent.session(home.workspace, llm_client=model).stream("hi")
    kinds: list[str] = []
    while not (step := await stream.next()).done:
        assert step.value is not None
        kinds.append(step.value.type)
    assert (kinds[0], kinds[-1]) == ("start", "end")


def test_item_084_an_agent_owns_settings_and_a_session_a_workspace_and_a_conversation(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    one, two = (agent.session(home.workspace, llm_client=model) for _ in range(2))
    one.send("hi")
    assert (len(one.history()), len(two.history())) == (2, 0)
    one.close()
    assert (one.is_closed(), two.is_closed(), agent.is_closed()) == (True, False, False)
    assert two.send("hello").text == "Hello! You said hello"


def quick_start(agent: Agent, home: Home, options: Any, model: ScriptedProvider) -> int:
    """Create, send, save, resume: how many messages there are afterwards."""
    session = agent.session(home.workspace, options, llm_client=model)
    session.send("Refactor auth", None)
    session.save()
    resumed = agent.resume_session("my-session", SessionOptions().with_file_session_store(home.store))
    return len(resumed.history())


def chained(store: str) -> SessionOptions:
    return SessionOptions().with_file_session_store(store).with_session_id("my-session").with_auto_save(True)


def as_an_object(store: str) -> dict[str, Any]:
    return {"fileSessionStore": store, "sessionId": "my-session", "autoSave": True}


def as_keywords(store: str) -> SessionOptions:
    return SessionOptions(file_session_store=store, session_id="my-session", auto_save=True)


@pytest.mark.parametrize("spelled", [chained, as_an_object, as_keywords])
def test_item_153_154_155_156_157_164_persistence_in_every_spelling(
    agent: Agent, home: Home, model: ScriptedProvider, spelled: Callable[[str], Any]
) -> None:
    assert quick_start(agent, home, spelled(str(home.store)), model) == 2
    assert (home.store / "my-session.json").is_file()


class Bucket:
    """A store such as a program would write for S3: five coroutines and a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[str] = []

    async def save(self, data: SessionData, /) -> None:
        self.calls.append("save")
        self.objects[data.id] = data.to_json()

    async def load(self, session_id: str, /) -> SessionData | None:
        self.calls.append("load")
        text = self.objects.get(session_id)
        return None if text is None else SessionData.from_json(text)

    async def delete(self, session_id: str, /) -> None:
        self.calls.append("delete")
        self.objects.pop(session_id, None)

    async def list(self) -> list[str]:
        self.calls.append("list")
        return list(self.objects)

    async def exists(self, session_id: str, /) -> bool:
        self.calls.append("exists")
        return session_id in self.objects


def test_item_151_170_to_175_178_179_a_store_of_the_program(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    store = Bucket()
    options = SessionOptions().with_session_store(store).with_session_id("s")
    session = agent.session(home.workspace, options, llm_client=model)
    session.send("hi")
    assert store.calls == []
    session.save()
    assert store.calls == ["save"]
    assert agent.list_saved_sessions(store) == ["s"]
    session.close()
    assert len(agent.resume_session("s", options, llm_client=model).history()) == 2
    assert agent.delete_session("s", store)
    assert not agent.delete_session("s", store)
    assert store.calls[1:] == ["list", "load", "exists", "delete", "exists", "delete"]
    with pytest.raises(SessionNotFound):
        agent.resume_session("s", options)


def test_item_171_to_174_what_each_method_of_a_store_says(tmp_path: Path) -> None:
    now = acp_agent.SessionData.__struct_fields__
    assert {"id", "messages", "tasks", "config", "tool_names", "created_at", "updated_at"} <= set(now)
    for store in (FileSessionStore(tmp_path / "store"), MemorySessionStore()):
        assert (store.load("s"), store.exists("s"), store.list(), store.delete("s")) == (
            None,
            False,
            [],
            False,
        )
        store.save(example_data())
        assert (store.load("s"), store.exists("s"), store.list()) == (example_data(), True, ["s"])
        assert store.delete("s")


def example_data() -> SessionData:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    return SessionData(
        id="s",
        messages=(SessionMessage("user", "hi"),),
        config=SessionConfig(workspace="/w", system_prompt="Be.", planning_enabled=True),
        tasks=({"content": "look"},),
        tool_names=("read",),
        created_at=now,
        updated_at=now,
        record={},
        journal=(),
    )


def test_item_176_the_names_of_stores_can_be_imported() -> None:
    assert acp_agent.SessionData is SessionData
    assert {"SessionStore", "FileSessionStore", "MemorySessionStore"} <= set(dir(acp_agent))
    assert example_data().todos == example_data().tasks
    assert SessionData.from_json(example_data().to_json()) == example_data()


def test_item_201_216_217_work_goes_on_after_the_program_was_started_again(
    home: Home, serve: Callable[[str], ModelServer]
) -> None:
    """Three processes, one after the other, on the same conversation."""
    url = serve("closing: still here").openai_url
    (home.folder / "agent.toml").write_text(
        f'model = "openai/m"\n[providers.openai]\ntype = "openai"\nbase_url = "{url}"\nmodels = ["m"]\n',
        encoding="utf-8",
    )
    program = """
import sys
from acp_agent import Agent, FileSessionStore
agent, store = Agent.create("agent.toml"), FileSessionStore("reviews")
options = {"session_store": store, "auto_save": True, "session_id": "review"}
known = "review" in agent.list_saved_sessions(store)
session = agent.resume_session("review", options) if known else agent.session(".", options)
session.send(sys.argv[1])
print([message.content for message in session.history() if message.role == "user"])
"""
    assert home.run(program, "day one") == "['day one']\n"
    assert home.run(program, "day two") == "['day one', 'day two']\n"
    assert home.run(program, "day three") == "['day one', 'day two', 'day three']\n"


async def test_item_218_a_support_bot_remembers_each_of_its_customers(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    store = MemorySessionStore()

    async def answer(customer: str, question: str) -> int:
        options: dict[str, Any] = {"session_store": store, "auto_save": True, "llm_client": model}
        if store.exists(customer):
            session = await async_agent.resume_session(customer, options)
        else:
            session = async_agent.session(home.workspace, options, session_id=customer)
        await session.send(question)
        await session.close()
        return len(session.history())

    async with anyio.create_task_group() as tasks:
        for customer in ("ann", "bob", "eve"):
            tasks.start_soon(answer, customer, "hello")
    assert [await answer(customer, "me again") for customer in ("ann", "bob", "eve")] == [4, 4, 4]
    assert store.list() == ["ann", "bob", "eve"]


def test_item_219_a_risky_step_is_taken_back_by_resuming_from_the_checkpoint(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    options: dict[str, Any] = {"session_store": MemorySessionStore(), "llm_client": model, "session_id": "s"}
    options["permission_policy"] = PermissionPolicy(default_decision="allow")
    session = agent.session(home.workspace, options)
    session.send("hi")
    session.save()
    session.send("write it")
    resumed = agent.resume_session("s", options)
    assert [message.content for message in resumed.history()][0::2] == ["hi"]


def test_item_070_mappings_may_be_in_camel_case_and_python_names_are_in_snake_case(
    agent: Agent, home: Home
) -> None:
    session = agent.session(home.workspace, {"sessionId": "s", "tenantId": "acme", "maxToolRounds": 3})
    assert (session.session_id, session.tenant_id) == ("s", "acme")
    assert hasattr(session, "send_with_attachments")
    assert not hasattr(session, "sendWithAttachments")


def test_item_072_queue_and_search_blocks_are_understood(home: Home) -> None:
    config = 'default_model = "openai/m"\nproviders "openai" { models "m" {} api_key = "k" }\n'
    with Agent.create(config + "queue { a = 1 }\nsearch { timeout = 10 }", env=home.env) as agent:
        assert agent.session(home.workspace).model == "openai/m"


def test_item_127_servers_of_the_settings_belong_to_every_session(home: Home) -> None:
    with Agent.create({"mcp_servers": {"files": {"command": "no-such-server"}}}, env=home.env) as agent:
        one, two = agent.session(home.workspace), agent.session(home.workspace)
        assert list(one.mcp_status()) == list(two.mcp_status()) == ["files"]


def test_item_123_127_closing_the_agent_ends_the_servers_of_its_settings(
    home: Home, model: ScriptedProvider
) -> None:
    over = home.folder / "over"
    serve = f"import runpy; runpy.run_path({SMALL!r}); open({str(over)!r}, 'w').close()"
    server = {"command": sys.executable, "args": ["-I", "-S", "-c", serve]}
    with Agent.create({"mcp_servers": {"small": server}}, env=home.env) as agent:
        session = agent.session(home.workspace, llm_client=model)
        session.send("hi")
        assert agent.refresh_mcp_tools() > 0
        assert session.mcp_status()["small"].connected
        assert not over.exists()
    assert over.exists()


def test_item_132_labels_are_carried_and_never_interpreted(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    store = MemorySessionStore()
    session = agent.session(
        home.workspace, session_store=store, llm_client=model, session_id="s", tenant_id="'; DROP TABLE --"
    )
    session.send("hi")
    session.save()
    saved = store.load("s")
    assert saved is not None
    assert saved.tenant_id == session.tenant_id == "'; DROP TABLE --"
    resumed = agent.resume_session("s", session_store=store, tenant_id="other", llm_client=model)
    assert resumed.tenant_id == "other"  # what the caller says wins
    assert "DROP" not in model.requests[-1].system


def test_item_143_while_idle_the_current_run_is_none_or_the_last(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    assert session.current_run() is None
    session.send("hi")
    last = session.current_run()
    assert last == session.runs()[-1]
    assert last is not None
    assert not session.cancel_run(last.id)


async def test_item_111_closing_ends_subagents_too(async_agent: AsyncAgent, home: Home) -> None:
    script = (
        'say: I ask.\ncall: task {"agent": "general", "description": "t", "prompt": "forever"}\n'
        "when: forever\nwait\n"
    )
    session = async_agent.session(
        home.workspace, llm_client=ScriptedProvider(script), permission_policy=PermissionPolicy.permissive()
    )
    stream = session.stream("delegate")
    with anyio.fail_after(PATIENCE):
        while (event := await stream.next_event()) is not None and event.event_type != "subagent_start":
            continue
        assert event is not None
        await session.close()
        assert (await stream.result()).stop_reason == "cancelled"
