"""`python -m benchmarks clients`: what it costs a program to drive an agent, through three clients.

`bare` writes and reads lines with asyncio and the standard library, `sdk` is the protocol's official Python
SDK, `acp-agent` is `acp_agent.client`. All drive the same agent, which answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, cast

import acp
from acp.interfaces import Client as SdkClient

from acp_agent.client.client import Client

COMMAND = [sys.executable, "-m", "benchmarks.flood_agent"]
MAX_LINE = 1 << 20

Ask = Callable[[str], Awaitable[int]]
"""Prompts the one session and returns how many updates came before the stop reason."""


class Plan(NamedTuple):
    """How much to measure."""

    rounds: int
    prompts: int
    updates: int


FULL = Plan(rounds=7, prompts=200, updates=50_000)
SHORT = Plan(rounds=3, prompts=50, updates=5_000)


@asynccontextmanager
async def bare() -> AsyncGenerator[Ask]:
    """Lines and `json`."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    writer, reader, ids = process.stdin, process.stdout, itertools.count()

    async def request(method: str, params: dict[str, Any]) -> int:
        message = {"jsonrpc": "2.0", "id": next(ids), "method": method, "params": params}
        writer.write(json.dumps(message).encode() + b"\n")
        n_updates = 0
        while "id" not in json.loads(await reader.readline()):
            n_updates += 1
        return n_updates

    await request("initialize", {"protocolVersion": 1})
    await request("session/new", {"cwd": "/", "mcpServers": []})
    yield lambda text: request(
        "session/prompt", {"sessionId": "s", "prompt": [{"type": "text", "text": text}]}
    )
    writer.close()
    await process.wait()


class _Counting:
    """Counts updates; asked for nothing else."""

    def __init__(self) -> None:
        self.n_updates = 0

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.n_updates += 1


@asynccontextmanager
async def sdk() -> AsyncGenerator[Ask]:
    """The official SDK."""
    client = _Counting()
    async with acp.spawn_agent_process(cast(SdkClient, client), *COMMAND) as (connection, _):
        await connection.initialize(protocol_version=1)
        session = await connection.new_session(cwd="/", mcp_servers=[])

        async def ask(text: str) -> int:
            before = client.n_updates
            await connection.prompt(session_id=session.session_id, prompt=[acp.text_block(text)])
            return client.n_updates - before

        yield ask


@asynccontextmanager
async def ours() -> AsyncGenerator[Ask]:
    """`acp_agent.client`, with the whole conversation kept."""
    async with Client().start(COMMAND) as agent, agent.build_session("/") as session:

        async def ask(text: str) -> int:
            session.send_prompt(text)
            return len([update async for update in session.updates()])

        yield ask


CONTENDERS: dict[str, Callable[[], AbstractAsyncContextManager[Ask]]] = {
    "bare": bare,
    "sdk": sdk,
    "acp-agent": ours,
}
Results = dict[str, dict[str, list[float]]]


async def measure_round(name: str, plan: Plan, results: Results) -> None:
    """Start the agent through one client, prompt it often, then let it flood."""

    def add(figure: str, value: float) -> None:
        results.setdefault(figure, {}).setdefault(name, []).append(value)

    started = time.perf_counter()
    async with CONTENDERS[name]() as ask:
        await ask("nothing")
        add("spawn to first answer (ms)", (time.perf_counter() - started) * 1e3)
        before = time.perf_counter()
        for _ in range(plan.prompts):
            await ask("nothing")
        add("prompt to stop reason (ms)", (time.perf_counter() - before) / plan.prompts * 1e3)
        before, cpu = time.perf_counter(), time.process_time()
        n_updates = await ask(f"flood {plan.updates}")
        add("updates per second (1/s)", n_updates / (time.perf_counter() - before))
        add("CPU per update (µs)", (time.process_time() - cpu) / plan.updates * 1e6)
        add("updates before the stop reason (%)", n_updates / plan.updates * 100)


async def measure(plan: Plan) -> Results:
    """Every figure of every client; rounds alternate."""
    results: Results = {}
    for number in range(-1, plan.rounds):
        for name in CONTENDERS:
            await measure_round(name, plan, results if number >= 0 else {})
    return results


def table(results: Results) -> str:
    """One line for each figure, medians with their ratio to the first client's."""
    lines = [f"{'':36}" + "".join(f"{name:>20}" for name in CONTENDERS)]
    for title, row in results.items():
        base = median(next(iter(row.values())))
        cells = [f"{median(row[name]):.2f} ({median(row[name]) / base:.2f}x)" for name in CONTENDERS]
        lines.append(f"{title:36}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks clients", description=__doc__)
    parser.add_argument("--short", action="store_true", help="few rounds, some seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all samples to FILE")
    options = parser.parse_args(arguments)
    results = asyncio.run(measure(SHORT if options.short else FULL))
    print(table(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0
