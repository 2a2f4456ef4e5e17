"""The queue of a session: how much goes on at once, and what the program does itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.ids import SessionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.permission import Effect
from acp_agent.model.toolcall import ToolOutcome, failed, succeeded
from acp_agent.providers.scripted import ScriptedProvider
from acp_agent.sdk.embed.agent import AsyncAgent
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.events.agent_event import AgentEvent
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.embed.queue.config import LaneHandler, RateLimit, RetryPolicy, SessionQueueConfig
from acp_agent.sdk.embed.queue.records import ExternalTask, QueueStats
from acp_agent.sdk.embed.queue.session_queue import SessionQueue, lane_of
from tests.engine.conftest import VIRTUAL_CLOCK
from tests.patience import PATIENCE
from tests.sdk_api.conftest import Home


class Yard:
    """A queue, what it told, and calls that go on until they are let go."""

    def __init__(self, **config: Any) -> None:
        self.told: list[AgentEvent] = []
        self.queue = SessionQueue(SessionQueueConfig(**config), self.told.append)
        self.let_go = anyio.Event()
        self.n_running = 0
        self.n_most = 0
        self.n_begun = 0

    async def hold(self) -> ToolOutcome:
        self.n_begun += 1
        self.n_running += 1
        self.n_most = max(self.n_most, self.n_running)
        try:
            await self.let_go.wait()
        finally:
            self.n_running -= 1
        return succeeded("done")

    async def call(
        self, effect: Effect = "read", run: Callable[..., Any] | None = None, tool: str = "x"
    ) -> ToolOutcome:
        return await self.queue.run_call(SessionId("s"), tool, {"a": 1}, effect, run or self.hold)

    def of(self, kind: str) -> list[JsonObject]:
        return [event.data for event in self.told if event.event_type == kind]


async def settle() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(("effect", "width"), [("read", 4), ("execute", 1), ("write", 1), ("none", 2)])
async def test_item_082_as_much_of_a_lane_goes_on_at_once_as_is_configured(
    effect: Effect, width: int
) -> None:
    yard = Yard()
    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(yard.call, effect)
        await settle()
        stats = yard.queue.stats
        assert (stats.total_active, stats.total_pending) == (width, 6 - width)
        yard.let_go.set()
    assert (yard.n_begun, yard.n_most) == (6, width)
    assert yard.queue.stats.total_active == 0


async def test_lanes_do_not_wait_for_each_other() -> None:
    yard = Yard()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(yard.call, "execute")
        tasks.start_soon(yard.call, "read")
        await settle()
        assert yard.n_running == 2
        yard.let_go.set()


async def test_a_call_that_waits_for_subagents_is_in_nobodys_way() -> None:
    yard = Yard(control_max_concurrency=1)

    async def nested() -> ToolOutcome:
        return await yard.call("none", tool="todo")

    yard.let_go.set()
    with anyio.fail_after(PATIENCE):
        assert await yard.call("none", nested, "task") == succeeded("done")


async def test_model_requests_of_a_session_come_one_after_another() -> None:
    yard = Yard()
    order: list[str] = []

    async def ask(name: str) -> None:
        async with yard.queue.generating():
            order.append(f"{name} begins")
            await anyio.lowlevel.checkpoint()
            order.append(f"{name} ends")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "one")
        tasks.start_soon(ask, "two")
    assert order == ["one begins", "one ends", "two begins", "two ends"]


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_item_079_what_changes_nothing_is_tried_again_and_given_up_in_the_end() -> None:
    retry = RetryPolicy(max_retries=2, initial_delay_ms=100)
    yard = Yard(default_timeout_ms=1000, retry_policy=retry, enable_all_features=True)
    outcome = await yard.call("read")
    assert outcome.is_error
    assert [(one["attempt"], one["delay_ms"]) for one in yard.of("command_retry")] == [(1, 100), (2, 200)]
    (dead,) = yard.queue.dead_letters
    assert (dead.command_type, dead.lane, dead.attempts) == ("x", "query", 3)
    (told,) = yard.of("command_dead_lettered")
    assert (told["command_id"], told["error"]) == (dead.command_id, dead.error)
    metrics = yard.queue.lanes["query"].metrics
    assert (metrics.timed_out, metrics.retried, metrics.completed) == (3, 2, 0)


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_item_079_what_changes_something_is_never_tried_again() -> None:
    yard = Yard(lane_timeouts={"execute": 500}, retry_policy=RetryPolicy(max_retries=3), enable_dlq=True)
    outcome = await yard.call("execute")
    assert "effect is unknown" in str(outcome.for_model)
    assert yard.n_begun == 1
    assert [one.attempts for one in yard.queue.dead_letters] == [1]


async def test_a_call_that_fails_has_answered() -> None:
    yard = Yard(retry_policy=RetryPolicy(max_retries=3), enable_all_features=True)

    async def fail() -> ToolOutcome:
        return failed("no such file")

    assert await yard.call("read", fail) == failed("no such file")
    assert (yard.told, yard.queue.dead_letters) == ([], [])


async def test_item_079_the_program_is_told_when_many_calls_wait() -> None:
    yard = Yard(pressure_threshold=2, enable_alerts=True)
    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(yard.call, "execute")
        await settle()
        yard.let_go.set()
    assert [one["level"] for one in yard.of("queue_alert")] == ["warning", "critical"]


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_no_more_calls_begin_in_a_time_than_are_allowed() -> None:
    yard = Yard(rate_limit=RateLimit(per="minute", max_operations=2))
    yard.let_go.set()
    begun = anyio.current_time()
    for _ in range(3):
        await yard.call()
    assert 60 <= anyio.current_time() - begun < 120


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_program_that_does_not_answer_is_not_waited_for_longer_than_it_said() -> None:
    yard = Yard(enable_dlq=True)
    yard.queue.lanes["execute"].handler = LaneHandler(mode="external", timeout_ms=500)
    outcome = await yard.call("execute")
    assert outcome.is_error
    assert yard.of("external_task_completed") == [{"success": False}]
    assert (yard.n_begun, yard.queue.external.pending()) == (0, [])


async def test_a_cancelled_call_waits_for_the_program_no_more() -> None:
    yard = Yard()
    yard.queue.lanes["execute"].handler = LaneHandler(mode="external")
    pending: list[ExternalTask] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(yard.call, "execute")
        await settle()
        pending += yard.queue.external.pending()
        tasks.cancel_scope.cancel()
    assert yard.queue.external.pending() == []
    assert not yard.queue.external.complete(pending[0].task_id, {"success": True})
    assert yard.queue.stats.total_active == 0


@pytest.mark.parametrize(
    ("tool", "effect", "lane"),
    [
        ("todo", "none", "control"),
        ("read", "read", "query"),
        ("bash", "read", "query"),
        ("bash", "execute", "execute"),
        ("edit", "write", "execute"),
        ("web_fetch", "other", "query"),
        ("mcp__x__y", "other", "execute"),
    ],
)
def test_a_call_takes_the_lane_of_what_it_may_do(tool: str, effect: Effect, lane: str) -> None:
    assert lane_of(tool, effect) == lane


async def test_item_082_the_program_runs_the_calls_of_a_lane_itself(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    options = SessionOptions(llm_client=model, permissive=True).with_queue_config({"enable_metrics": True})
    session = async_agent.session(home.workspace, options)
    assert session.has_queue
    session.set_lane_handler("execute", {"mode": "external", "timeout_ms": 50_000})
    done: dict[str, object] = {"success": True, "result": {"output": "written elsewhere", "exit_code": 0}}
    events: list[AgentEvent] = []
    tasks: list[ExternalTask] = []
    with anyio.fail_after(PATIENCE):
        async for event in session.stream("write it"):
            events.append(event)
            if event.event_type == "external_task_pending":
                tasks += session.pending_external_tasks()
                assert session.complete_external_task(str(event.task_id), done)
                assert not session.complete_external_task(str(event.task_id), done)
    (task,) = tasks
    assert (task.lane, task.command_type, task.timeout_ms) == ("execute", "write", 50_000)
    assert task.payload == {"path": "made.txt", "content": "made"}
    assert task.session_id == session.session_id
    kinds = [event.event_type for event in events]
    assert kinds.index("external_task_pending") < kinds.index("external_task_completed")
    assert events[-1].text == "Result written elsewhere"
    assert not (home.workspace / "made.txt").exists()
    metrics = session.queue_metrics()
    assert metrics is not None
    assert (metrics["execute"].completed, metrics["generate"].completed) == (1, 2)


async def test_a_call_that_is_denied_is_not_handed_to_the_program(
    async_agent: AsyncAgent, home: Home, model: ScriptedProvider
) -> None:
    session = async_agent.session(home.workspace, llm_client=model, queue_config={})
    session.set_lane_handler("execute", {"mode": "external"})
    events = [event async for event in session.stream("write it")]
    kinds = {event.event_type for event in events}
    assert "permission_denied" in kinds
    assert "external_task_pending" not in kinds


def test_hybrid_runs_a_call_here_and_tells_the_program(
    agent: Agent, home: Home, model: ScriptedProvider
) -> None:
    session = agent.session(home.workspace, llm_client=model, permissive=True, queue_config={})
    session.set_lane_handler("execute", {"mode": "hybrid"})
    events = list(session.stream("write it"))
    (completed,) = [event for event in events if event.event_type == "external_task_completed"]
    assert completed.data == {"success": True}
    assert (home.workspace / "made.txt").read_text("utf-8") == "made"


def test_a_session_without_a_queue_says_so(agent: Agent, home: Home, model: ScriptedProvider) -> None:
    session = agent.session(home.workspace, llm_client=model)
    assert not session.has_queue
    assert (session.pending_external_tasks(), session.dead_letters()) == ([], [])
    assert (session.queue_stats(), session.queue_metrics()) == (QueueStats(), None)
    assert not session.complete_external_task("x", {"success": True})
    with pytest.raises(ConfigInvalid, match="the session has no queue"):
        session.set_lane_handler("query", {"mode": "external"})


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"query_concurrency": 3}, "there is no `query_concurrency`"),
        ({"query_max_concurrency": 0}, ">= 1"),
        ({"lane_timeouts": {"fast": 1}}, "no lane `fast`"),
        ({"retry_policy": {"strategy": "hope"}}, "hope"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    agent: Agent, home: Home, model: ScriptedProvider, config: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigInvalid, match=complaint):
        agent.session(home.workspace, llm_client=model, queue_config=config)


@pytest.mark.parametrize(
    ("lane", "handler"), [("fast", {}), ("query", {"mode": "sideways"}), ("generate", {"mode": "external"})]
)
def test_a_handler_that_cannot_be_used_is_refused(
    agent: Agent, home: Home, model: ScriptedProvider, lane: str, handler: dict[str, Any]
) -> None:
    session = agent.session(home.workspace, llm_client=model, queue_config={})
    with pytest.raises(ConfigInvalid):
        session.set_lane_handler(lane, handler)
