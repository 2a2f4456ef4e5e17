"""Lines over real descriptors, and the claim on the process's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread
import pytest

from acp_agent.base.errors import ConnectionLost
from acp_agent.rpc.framing import Frame, LineFramer, Oversized
from acp_agent.rpc.stdio import FdTransport, Wire
from acp_agent.rpc.transport import EndOfTransport
from tests.patience import PATIENCE


class Ends(NamedTuple):
    transport: FdTransport
    client_write: int
    client_read: int


def transport_over(wire: Wire, *, limit: int = 1_000_000, received: bytes = b"") -> FdTransport:
    return FdTransport(wire, LineFramer(limit), received=received)


def close_quietly(*fds: int) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:  # the test, or the transport, has done it
            continue


@pytest.fixture
def ends() -> Generator[Ends, None, None]:
    read_fd, client_write = os.pipe()
    client_read, write_fd = os.pipe()
    yield Ends(transport_over(Wire(read_fd, write_fd), limit=100_000), client_write, client_read)
    close_quietly(read_fd, client_write, client_read, write_fd)


async def everything(transport: FdTransport) -> list[Frame]:
    frames: list[Frame] = []
    with anyio.fail_after(PATIENCE):
        while True:
            try:
                frames.append(await transport.receive())
            except EndOfTransport:
                return frames


async def test_lines_arrive_whole_and_the_end_ends(ends: Ends) -> None:
    os.write(ends.client_write, b'{"a":1}\n{"b"')
    assert await ends.transport.receive() == b'{"a":1}'
    os.write(ends.client_write, b":2}\r\nlast")
    os.close(ends.client_write)
    assert await everything(ends.transport) == [b'{"b":2}', b"last"]
    with pytest.raises(EndOfTransport):
        await ends.transport.receive()
    await ends.transport.aclose()


async def test_what_was_received_before_comes_first(ends: Ends) -> None:
    read_fd, client_write = os.pipe()
    os.write(client_write, b"lf\nthree\n")
    os.close(client_write)
    transport = transport_over(Wire(read_fd, os.dup(2)), received=b"one\ntwo\nha")
    assert await everything(transport) == [b"one", b"two", b"half", b"three"]
    await transport.aclose()


async def test_a_line_over_the_limit_is_told_and_the_next_arrives(ends: Ends) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            anyio.to_thread.run_sync, _write_and_close, ends.client_write, b"x" * 300_000 + b"\nok\n"
        )
        assert await everything(ends.transport) == [Oversized(100_000), b"ok"]
    await ends.transport.aclose()


def _write_and_close(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.close(fd)


async def test_waiting_for_a_line_can_be_cancelled_and_taken_up_again(ends: Ends) -> None:
    with anyio.move_on_after(0) as limit:
        await ends.transport.receive()
    assert limit.cancelled_caught
    os.write(ends.client_write, b"x\n")
    assert await ends.transport.receive() == b"x"
    await ends.transport.aclose()


async def test_a_slow_reader_gets_every_byte_and_others_run_meanwhile(ends: Ends) -> None:
    data = b"".join(b"%d " % number for number in range(500_000)) + b"\n"
    got = bytearray()
    done = anyio.Event()

    async def send() -> None:
        await ends.transport.send(data)
        done.set()

    with anyio.fail_after(20):  # megabytes through a pipe, on a busy machine
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            assert not done.is_set()  # the pipe is full, and this task runs all the same
            while len(got) < len(data):
                got += await anyio.to_thread.run_sync(os.read, ends.client_read, 10_000 + len(got) % 777)
    assert bytes(got) == data
    await ends.transport.aclose()


async def test_a_send_that_waits_for_the_reader_can_be_cancelled(ends: Ends) -> None:
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ends.transport.send, b"x" * 1_000_000)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    await ends.transport.aclose()


async def test_a_reader_that_is_gone_loses_the_connection(ends: Ends) -> None:
    os.close(ends.client_read)
    with pytest.raises(ConnectionLost, match="cannot write to the client"):
        await ends.transport.send(b"x\n")
    await ends.transport.aclose()


async def test_a_reader_that_said_all_it_had_to_and_reads_nothing_loses_the_connection(ends: Ends) -> None:
    os.close(ends.client_write)
    assert await everything(ends.transport) == []
    with anyio.fail_after(PATIENCE), pytest.raises(ConnectionLost, match="reads nothing"):
        await ends.transport.send(b"x" * 1_000_000)
    await ends.transport.aclose()


async def test_a_send_that_waits_when_the_reader_closes_its_end_gives_up(ends: Ends) -> None:
    lost: list[ConnectionLost] = []

    async def send() -> None:
        try:
            await ends.transport.send(b"x" * 1_000_000)
        except ConnectionLost as exc:
            lost.append(exc)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            os.close(ends.client_write)
            assert await everything(ends.transport) == []
    assert [str(exc) for exc in lost] == ["the client closed its end and reads nothing any more"]
    await ends.transport.aclose()


async def test_closing_closes_both_descriptors_and_twice_is_once(ends: Ends) -> None:
    await ends.transport.aclose()
    with pytest.raises(OSError, match=r"[Bb]roken|EPIPE"):
        os.write(ends.client_write, b"x")
    assert os.read(ends.client_read, 10) == b""


async def test_regular_files_can_stand_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"one\ntwo\n")
    read_fd = os.open(tmp_path / "in", os.O_RDONLY)
    write_fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    transport = transport_over(Wire(read_fd, write_fd))
    assert await everything(transport) == [b"one", b"two"]
    await transport.send(b"three\n")
    await transport.aclose()
    assert (tmp_path / "out").read_bytes() == b"three\n"


async def test_a_reading_side_that_breaks_is_an_end(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    transport = transport_over(Wire(directory, os.dup(2)))
    assert await everything(transport) == []
    await transport.aclose()


CLAIMING = """
import os, subprocess, sys
from acp_agent.rpc.stdio import claim_stdio
wire = claim_stdio()
print("stray print")
sys.stdout.flush()
os.write(1, b"stray write\\n")
child = "print('stray child'); import sys; sys.stderr.write(repr(sys.stdin.read()))"
subprocess.run([sys.executable, "-c", child])
assert os.read(0, 10) == b""
os.write(wire.write_fd, os.read(wire.read_fd, 100).upper())
"""


def claim(script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-I", "-c", script],
        input=b"protocol\n",
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_after_the_claim_nothing_stray_gets_into_the_protocol() -> None:
    ended = claim(CLAIMING)
    assert (ended.returncode, ended.stdout) == (0, b"PROTOCOL\n")
    for stray in (b"stray print", b"stray write", b"stray child"):
        assert stray in ended.stderr
    assert b"''" in ended.stderr  # what the child read of our input


def test_the_claim_survives_a_closed_stderr() -> None:
    assert claim(f"import os\nos.close(2)\n{CLAIMING}").stdout == b"PROTOCOL\n"


def test_the_claim_survives_closed_input_and_output() -> None:
    closed = "import os\nos.close(0)\nos.close(1)\nfrom acp_agent.rpc.stdio import claim_stdio\n"
    ended = claim(
        f"{closed}wire = claim_stdio()\nassert os.read(wire.read_fd, 1) == b''\nos.write(wire.write_fd, b'x')"
    )
    assert (ended.returncode, ended.stdout) == (0, b"")
