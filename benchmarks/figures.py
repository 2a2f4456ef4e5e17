"""What is measured: each round starts one process of a contender and adds its samples."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.client import AgentClient, BenchmarkError
from benchmarks.contenders import Contender
from benchmarks.model import Model
from benchmarks.model_server import DELTA
from benchmarks.usage import cpu_seconds, resident_mib


class Figure(NamedTuple):
    """One line of the table."""

    key: str
    title: str
    unit: str


FIGURES = (
    Figure("spawn_initialize", "spawn to initialize response", "ms"),
    Figure("spawn_first_token", "spawn to first token", "ms"),
    Figure("session_new_first", "session/new, first", "ms"),
    Figure("session_new", "session/new, later", "ms"),
    Figure("prompt_in", "prompt in", "ms"),
    Figure("chunk_out", "chunk out", "ms"),
    Figure("turn_end", "turn end", "ms"),
    Figure("tool_turnaround", "tool turnaround", "ms"),
    Figure("cancel", "cancel", "ms"),
    Figure("exit", "exit on end of input", "ms"),
    Figure("deltas_per_second", "deltas per second", "1/s"),
    Figure("cpu_per_delta", "CPU per delta", "µs"),
    Figure("rss_idle", "memory, idle", "MiB"),
    Figure("rss_sessions", "memory, with sessions", "MiB"),
)


class Plan(NamedTuple):
    """How much to measure."""

    rounds: int
    repeats: int
    deltas: int
    streams: int
    sessions: int
    settle: float


FULL = Plan(rounds=15, repeats=10, deltas=10_000, streams=5, sessions=50, settle=2.0)
SHORT = Plan(rounds=3, repeats=3, deltas=2_000, streams=2, sessions=20, settle=1.0)


class Samples:
    """Every measured value of one contender, by figure key, in the figure's unit."""

    def __init__(self) -> None:
        self.values: defaultdict[str, list[float]] = defaultdict(list)

    def add_ms(self, key: str, nanoseconds: int) -> None:
        self.values[key].append(nanoseconds / 1e6)

    def add(self, key: str, value: float | None) -> None:
        if value is not None:
            self.values[key].append(value)


@contextmanager
def temporary_folders() -> Generator[tuple[str, str]]:
    """An empty home and a directory to work in, removed on exit."""
    with tempfile.TemporaryDirectory(prefix="acp-bench-", ignore_cleanup_errors=True) as folder:
        home, work = Path(folder, "home"), Path(folder, "work")
        home.mkdir()
        work.mkdir()
        (work / "notes.txt").write_text("something to list\n", encoding="utf-8")
        yield str(home), str(work)


@asynccontextmanager
async def running(contender: Contender, model: Model) -> AsyncGenerator[tuple[AgentClient, str]]:
    """A fresh, uninitialized agent process and the directory it works in."""
    with temporary_folders() as (home, work):
        client = await AgentClient.spawn(contender.command, contender.env(model.base_url, home), work)
        try:
            yield client, work
        finally:
            client.kill()


async def initialize(client: AgentClient) -> int:
    return (await client.request("initialize", {"protocolVersion": 1, "clientCapabilities": {}})).arrived_at


async def new_session(client: AgentClient, cwd: str) -> tuple[str, int]:
    answer = await client.request("session/new", {"cwd": cwd, "mcpServers": []})
    return answer.result["sessionId"], answer.arrived_at - answer.sent_at


async def prompt(
    client: AgentClient, session_id: str, text: str, expected: str = "end_turn"
) -> tuple[int, int]:
    """Run a turn; the moments its request left and its response arrived."""
    params = {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}
    answer = await client.request("session/prompt", params)
    if answer.result["stopReason"] != expected:
        raise BenchmarkError(
            f"`{text}` stopped with {answer.result}, not `{expected}`; stderr: {client.errors}"
        )
    return answer.sent_at, answer.arrived_at


async def latency_round(contender: Contender, model: Model, plan: Plan, samples: Samples) -> None:
    """Start cold, then repeat each small interaction in the warm process, then end it."""
    async with running(contender, model) as (client, cwd):
        samples.add_ms("spawn_initialize", await initialize(client) - client.spawned_at)
        session_id, took = await new_session(client, cwd)
        samples.add_ms("session_new_first", took)
        first = client.expect_text()
        await prompt(client, session_id, "bench:deltas:1")
        samples.add_ms("spawn_first_token", await client.text_arrived(first) - client.spawned_at)
        for _ in range(plan.repeats):
            session_id, took = await new_session(client, cwd)
            samples.add_ms("session_new", took)
            await echo(client, model, session_id, samples)
            await tool(client, model, session_id, samples)
            await cancel(client, session_id, samples)
        samples.add_ms("exit", await client.close())


async def echo(client: AgentClient, model: Model, session_id: str, samples: Samples) -> None:
    chunk = client.expect_text()
    sent_at, arrived_at = await prompt(client, session_id, "bench:echo")
    samples.add_ms("prompt_in", await model.happened("received", after=sent_at) - sent_at)
    samples.add_ms(
        "chunk_out", await client.text_arrived(chunk) - await model.happened("first", after=sent_at)
    )
    samples.add_ms("turn_end", arrived_at - await model.happened("last", after=sent_at))


async def tool(client: AgentClient, model: Model, session_id: str, samples: Samples) -> None:
    sent_at, _ = await prompt(client, session_id, "bench:tool")
    called_at = await model.happened("tool", after=sent_at)
    samples.add_ms("tool_turnaround", await model.happened("received", after=called_at) - called_at)


async def cancel(client: AgentClient, session_id: str, samples: Samples) -> None:
    chunk = client.expect_text()
    async with asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(prompt(client, session_id, "bench:stall", "cancelled"))
        await client.text_arrived(chunk)
        cancelled_at = client.cancel(session_id)
    samples.add_ms("cancel", turn.result()[1] - cancelled_at)


async def stream_round(contender: Contender, model: Model, plan: Plan, samples: Samples) -> None:
    """Stream many deltas through a warm process; CPU time is summed over all streams of the round."""
    async with running(contender, model) as (client, cwd):
        await initialize(client)
        session_id, _ = await new_session(client, cwd)
        await prompt(client, session_id, "bench:deltas:200")
        before = cpu_seconds(client.pid)
        for _ in range(plan.streams):
            session_id, _ = await new_session(client, cwd)
            client.expect_text()
            sent_at, arrived_at = await prompt(client, session_id, f"bench:deltas:{plan.deltas}")
            took = arrived_at - await model.happened("first", after=sent_at)
            if client.text_size != plan.deltas * len(DELTA):
                raise BenchmarkError(f"{client.text_size} characters arrived of {plan.deltas * len(DELTA)}")
            samples.add("deltas_per_second", plan.deltas / (took / 1e9))
        after = cpu_seconds(client.pid)
        if before is not None and after is not None:
            samples.add("cpu_per_delta", (after - before) * 1e6 / (plan.streams * plan.deltas))
        await client.close()


async def memory_round(contender: Contender, model: Model, plan: Plan, samples: Samples) -> None:
    """Resident memory after the handshake has settled, and with sessions that each had one turn."""
    async with running(contender, model) as (client, cwd):
        await initialize(client)
        await asyncio.sleep(plan.settle)
        samples.add("rss_idle", resident_mib(client.pid))
        for _ in range(plan.sessions):
            session_id, _ = await new_session(client, cwd)
            await prompt(client, session_id, "bench:deltas:1")
        samples.add("rss_sessions", resident_mib(client.pid))
        await client.close()


async def measure(contender: Contender, model: Model, plan: Plan, samples: Samples, number: int) -> None:
    """Round `number` of a run; long streams and memory are part of the first three rounds only."""
    await latency_round(contender, model, plan, samples)
    if number < 3:
        await stream_round(contender, model, plan, samples)
        await memory_round(contender, model, plan, samples)
