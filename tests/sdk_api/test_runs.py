"""What is told of runs: their records, their events, and going on with one that was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import CheckpointMissing, ConfigInvalid, PersistenceFailed, StoreMissing
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.custom_tools import tool
from acp_agent.sdk.embed.options.host_env import FixedClock, HostEnv, SequentialIdGenerator
from acp_agent.sdk.embed.runs.records import RetentionLimits
from acp_agent.sdk.embed.stores.session_data import SessionData
from acp_agent.sdk.embed.stores.session_stores import FileSessionStore, MemorySessionStore, SqliteSessionStore
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home

STEPS = """\
say: first
call: read {"path": "notes.txt"}
usage: 10 1
---
say: second
call: ls {"path": "."}
usage: 10 1
---
say: done
usage: 10 1
"""


def test_item_137_each_send_and_each_stream_creates_a_run_record(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model)
    session.send("hi")
    list(session.stream("read it"))
    session.send("aside", [])
    assert [run.prompt for run in session.runs()] == ["hi", "read it", "aside"]
    last, told = session.runs()[1], session.run_events(session.runs()[1].id)
    assert (last.status, last.phase, last.event_count) == ("completed", "completed", len(told))
    assert (last.result_text[:7], last.tool_calls_count) == ("It says", 1)
    assert session.runs()[0].usage.total_tokens == 120
    assert last.created_at_ms <= last.updated_at_ms


async def test_item_145_a_run_is_running_and_its_phase_says_at_what(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    stream = session.stream("forever")
    begun = session.run_snapshot(stream.run_id)
    assert begun is not None
    assert (begun.status, begun.phase) == ("running", "created")
    with anyio.fail_after(PATIENCE):
        await stream.next_event()
    run = session.current_run()
    assert run is not None
    assert (run.status, run.phase, run.prompt) == ("running", "executing", "forever")
    await stream.aclose()
    run = session.current_run()
    assert run is not None
    assert (run.status, run.phase) == ("cancelled", "cancelled")


@pytest.mark.parametrize(
    ("kind", "phase"),
    [("planning_start", "planning"), ("verification_start", "verifying"), ("turn_start", "executing")],
)
async def test_item_145_phases_follow_what_is_told(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider, kind: str, phase: str
) -> None:
    session = async_agent.session(home.workspace, llm_client=model)
    stream = session.stream("forever")
    session._host.tell(AgentEvent(kind))  # pyright: ignore[reportPrivateUsage] # as planning will
    run = session.current_run()
    assert run is not None
    assert run.phase == phase
    await stream.aclose()


def database(folder: Path) -> SqliteSessionStore:
    return SqliteSessionStore(folder / "s.db")


@pytest.mark.parametrize("make", [FileSessionStore, database])
def test_item_215_runs_of_a_resumed_session_tell_the_same(agent: Agent, home: Home, make: Any) -> None:
    def told(session: Any) -> list[Any]:
        runs = [run for run in session.runs() if run.status != "running"]
        return [
            (
                (run.id, run.status, run.prompt, run.tool_calls_count, run.usage, run.result_text),
                [event for event in session.run_events(run.id) if event.event_type != "text_delta"],
                "".join(
                    event.text for event in session.run_events(run.id) if event.event_type == "text_delta"
                ),
            )
            for run in runs
        ]

    options: dict[str, Any] = {"session_store": make(home.store), "auto_save": True}
    first = agent.session(home.workspace, options, llm_client=ScriptedProvider(STEPS), session_id="s")
    first.send("go")
    before = told(first)
    resumed = agent.resume_session("s", options, llm_client=ScriptedProvider("say: and on"))
    assert told(resumed) == before
    resumed.send("more")
    assert len(resumed.runs()) == 2


async def test_active_tools_are_those_being_carried_out(async_agent: AsyncAgent, home: Home) -> None:
    inside, go_on = anyio.Event(), anyio.Event()

    @tool(read_only=True)
    async def think() -> str:
        """Think."""
        inside.set()
        await go_on.wait()
        return "thought"

    thinking = ScriptedProvider("call: think {}\n---\nsay: done")
    session = async_agent.session(home.workspace, llm_client=thinking, tools=[think])
    assert session.active_tools() == []
    stream = session.stream("go")
    with anyio.fail_after(PATIENCE):
        await inside.wait()
        (active,) = session.active_tools()
        assert (active.name, active.started_at_ms > 0) == ("think", True)
        go_on.set()
        await stream.result()
    assert session.active_tools() == []


def test_retention_drops_what_was_first_and_goes_on_counting(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    limits = RetentionLimits(max_runs_retained=2, max_events_per_run=3, max_trace_events=2)
    session = agent.session(home.workspace, llm_client=model, retention_limits=limits)
    for prompt in ("one", "two", "three"):
        events = list(session.stream(prompt))
        assert events[0].event_type == "start"  # who reads a stream loses nothing
    assert [run.prompt for run in session.runs()] == ["two", "three"]
    last = session.runs()[-1]
    page = session.run_event_page(last.id)
    assert (last.event_count, len(page)) == (len(events), 3)
    assert [record.event for record in page] == events[-3:]
    assert [record.sequence for record in page] == [last.event_count - 3 + n for n in range(3)]
    assert session.run_event_page(last.id, page[1].sequence, 1) == page[1:2]
    assert [event.sequence for event in session.trace_events()] == [4, 5]
    for wrong in ({"max_runs": 1}, {"max_runs_retained": -1}, {"max_runs_retained": "x"}):
        with pytest.raises(ConfigInvalid, match="retention_limits"):
            agent.session(home.workspace, retention_limits=wrong)


def test_item_133_traces_tell_of_runs_requests_and_calls_with_labels(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model, tenant_id="acme")
    session.send("read it")
    traces = session.trace_events()
    assert [event.name.partition(" ")[0] for event in traces] == [
        *("chat", "execute_tool", "chat", "invoke_agent"),
    ]
    assert all(event.attributes["tenant_id"] == "acme" and event.error is None for event in traces)
    assert "milk" not in repr(traces)


class Snapshots(MemorySessionStore):
    """Remembers everything that was ever saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[SessionData] = []

    def save(self, data: SessionData, /) -> None:
        self.saved.append(data)
        super().save(data)


def test_a_run_that_its_process_did_not_survive_is_gone_on_with(agent: Agent, home: Home) -> None:
    store = Snapshots()
    options: dict[str, Any] = {"session_store": store, "auto_save": True, "session_id": "s"}
    session = agent.session(home.workspace, options, llm_client=ScriptedProvider(STEPS))
    whole = session.send("go")
    with pytest.raises(CheckpointMissing, match="no loop checkpoint found for run 'nothing'"):
        session.resume_run("nothing")
    with pytest.raises(CheckpointMissing):
        session.resume_run(whole.run_id)  # it ended
    session.close()
    assert len(store.saved) == 3  # after each round of calls, and at the end
    store.save(store.saved[1])  # as if that had been the last moment of the process
    again = ScriptedProvider("say: finished\nusage: 10 1")
    resumed = agent.resume_session("s", options, llm_client=again)
    (cut,) = resumed.runs()
    assert (cut.id, cut.status, cut.phase) == (whole.run_id, "interrupted", "interrupted")
    checkpoint = resumed.loop_checkpoint(cut.id)
    assert checkpoint is not None
    assert (checkpoint.turn, checkpoint.tool_calls_count, checkpoint.schema_version) == (2, 2, 1)
    assert checkpoint.messages == tuple(resumed.history())
    result = resumed.resume_run(cut.id)
    assert (result.text, result.tool_calls_count, result.total_tokens) == ("finished", 2, 33)
    assert result.run_id != cut.id
    assert resumed.runs()[-1].prompt == "go"
    said = [message.content for message in resumed.history() if message.role == "user"]
    assert "interrupted" in said[-1]
    with pytest.raises(CheckpointMissing):
        resumed.resume_run(cut.id)


def test_going_on_with_a_run_needs_a_store(agent: Agent, home: Home) -> None:
    with pytest.raises(StoreMissing, match="resume_run requires a session store"):
        agent.session(home.workspace).resume_run("x")


def test_every_prefix_of_a_saved_session_can_be_resumed_and_gone_on_with(agent: Agent, home: Home) -> None:
    import msgspec

    store = Snapshots()
    options: dict[str, Any] = {"session_store": store, "auto_save": True, "session_id": "s"}
    agent.session(home.workspace, options, llm_client=ScriptedProvider(STEPS)).send("go")
    whole = store.saved[-1]
    for length in range(1, len(whole.journal) + 1):
        store.save(msgspec.structs.replace(whole, journal=whole.journal[:length]))
        resumed = agent.resume_session("s", options, llm_client=ScriptedProvider("say: on"))
        assert resumed.send("more").text == "on"
        assert "running" not in {run.status for run in resumed.runs()}
        resumed.close()


def test_a_session_of_a_later_version_is_refused(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    import msgspec

    store = Snapshots()
    agent.session(home.workspace, session_store=store, auto_save=True, session_id="s", llm_client=model).send(
        "hi"
    )
    store.save(msgspec.structs.replace(store.saved[-1], format=99))
    with pytest.raises(PersistenceFailed, match="upgrade acp-agent"):
        agent.resume_session("s", session_store=store)


def test_ids_and_times_come_from_the_program(home: Home) -> None:
    def played(folder: Path) -> tuple[list[Any], str]:
        with Agent.create({}, env=home.env) as agent:
            env = HostEnv(id_generator=SequentialIdGenerator(), clock=FixedClock())
            model = ScriptedProvider(STEPS)
            session = agent.session(
                home.workspace, llm_client=model, host_env=env, session_store=store(folder)
            )
            session.send("go")
            session.save()
            (saved,) = folder.glob("*.json")
            return [session.runs(), session.run_events(session.runs()[0].id)], saved.read_text("utf-8")

    store = FileSessionStore
    one, two = played(home.folder / "one"), played(home.folder / "two")
    assert one == two
    assert '"id": "sess_1"' in one[1]
    assert "2026-01-01T00:00:00" in one[1]


def test_a_resumed_session_gives_no_id_twice(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    clock = FixedClock()
    options: dict[str, Any] = {"session_store": MemorySessionStore(), "auto_save": True, "llm_client": model}
    env = {"id_generator": SequentialIdGenerator(), "clock": clock}
    agent.session(home.workspace, options, session_id="s", host_env=env).send("read it")
    clock.advance(60)
    again = {"id_generator": SequentialIdGenerator(), "clock": clock}
    resumed = agent.resume_session("s", options, host_env=again)
    resumed.send("read it")
    one, two = resumed.runs()
    assert (one.id != two.id, two.created_at_ms - one.created_at_ms) == (True, 60_000)
    assert len(resumed.history()) == 8
    for wrong in ({"ids": SequentialIdGenerator()}, {"clock": 3}):
        with pytest.raises(ConfigInvalid, match="host_env"):
            agent.session(home.workspace, host_env=wrong)


DYING = """
import os, sys
from acp_agent import Agent, FileSessionStore, SqliteSessionStore, tool
from acp_agent.providers.scripted import ScriptedProvider

@tool(read_only=True)
def die() -> str:
    "End the process at once."
    os._exit(0)

kind, place = sys.argv[1:]
store = FileSessionStore(place) if kind == "file" else SqliteSessionStore(place + "/s.db")
model = ScriptedProvider('say: reading\\ncall: read {"path": "notes.txt"}\\n---\\nsay: dying\\ncall: die {}')
session = Agent.create({}).session("workspace", session_store=store, auto_save=True, session_id="s",
                                   llm_client=model, tools=[die])
session.send("go")
"""


@pytest.mark.parametrize("kind", ["file", "sqlite"])
def test_what_a_killed_process_had_done_is_gone_on_with(home: Home, kind: str) -> None:
    home.run(DYING, kind, str(home.store))
    store = FileSessionStore(home.store) if kind == "file" else database(home.store)
    with Agent.create({}, env=home.env) as agent:
        again = ScriptedProvider("say: all done")
        resumed = agent.resume_session("s", session_store=store, auto_save=True, llm_client=again)
        (cut,) = resumed.runs()
        assert (cut.status, cut.prompt) == ("interrupted", "go")
        result = resumed.resume_run(cut.id)
        assert (result.text, result.tool_calls_count >= 1) == ("all done", True)
        told = repr(again.requests[-1].messages)
        assert "remember the milk" in told
        assert "interrupted" in told
        assert [run.status for run in resumed.runs()] == ["interrupted", "completed"]


def test_item_214_answers_to_questions_are_replayed_too(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    def answers(session: Any) -> list[tuple[str | None, bool | None]]:
        events = session.run_events(session.runs()[0].id)
        return [(one.tool_id, one.approved) for one in events if one.event_type == "confirmation_received"]

    options: dict[str, Any] = {"session_store": MemorySessionStore(), "auto_save": True, "llm_client": model}
    session = agent.session(
        home.workspace, options, session_id="s", confirmation_manager=lambda call: call.tool_name == "write"
    )
    session.send("write it")
    before = answers(session)
    assert [approved for _, approved in before] == [True]
    assert answers(agent.resume_session("s", options)) == before


async def test_no_tool_runs_before_what_was_done_is_saved(async_agent: AsyncAgent, home: Home) -> None:
    begun, go_on = anyio.Event(), anyio.Event()
    ran: list[str] = []

    class Slow(MemorySessionStore):
        async def save(self, data: SessionData, /) -> None:  # type: ignore[override]
            begun.set()
            await go_on.wait()
            super().save(data)

    @tool(read_only=True)
    async def look() -> str:
        """Look."""
        ran.append("look")
        return "seen"

    model = ScriptedProvider('call: read {"path": "notes.txt"}\n---\ncall: look {}\n---\nsay: done')
    session = async_agent.session(
        home.workspace, llm_client=model, tools=[look], session_store=Slow(), auto_save=True
    )
    stream = session.stream("go")
    with anyio.fail_after(PATIENCE):
        await begun.wait()
        await anyio.wait_all_tasks_blocked()
        assert ran == []
        go_on.set()
        assert (await stream.result()).text == "done"
    assert ran == ["look"]
