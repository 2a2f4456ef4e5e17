"""The model server's process, seen from the benchmark: its address and the events it reports."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.client import TIMEOUT, BenchmarkError
from benchmarks.contenders import ROOT


class Model:
    """Events are taken in the order in which they happened; those that nobody waits for are passed over."""

    def __init__(self, port: int, events: asyncio.StreamReader) -> None:
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self._reader = events
        self._events: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def read(self) -> None:
        """Queue events until the server ends."""
        while line := await self._reader.readline():
            name, at = line.split()
            self._events.put_nowait((name.decode(), int(at)))

    async def happened(self, event: str, *, after: int) -> int:
        """The moment of the first `event` after the moment `after`, both in nanoseconds."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while True:
                    name, at = await self._events.get()
                    if name == event and at > after:
                        return at
        except TimeoutError:
            raise BenchmarkError(f"the model saw no `{event}` within {TIMEOUT:.0f} s") from None


@asynccontextmanager
async def model_server() -> AsyncGenerator[Model]:
    """A running model server, stopped on exit."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.model_server",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise BenchmarkError("the model server has no pipes")
    try:
        _, port = (await process.stdout.readline()).split()
        model = Model(int(port), process.stdout)
        reading = asyncio.create_task(model.read())
        yield model
        process.stdin.close()
        await reading
    finally:
        if process.returncode is None:
            process.stdin.close()
            await process.wait()
