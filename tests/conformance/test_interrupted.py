"""A run that is stopped leaves nothing behind: no agent, no folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from tests.conformance.agents import agent_of

STAYS = """\
import os, pathlib, threading
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
threading.Event().wait()
"""
"""It answers nothing, and does not mind that its input ends."""


@pytest.mark.skipif(os.name != "posix", reason="elsewhere programs are not asked to end")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_stopped_ends_its_agents_and_removes_their_folders(
    how: signal.Signals, tmp_path: Path
) -> None:
    note, places = tmp_path / "pid", tmp_path / "places"
    places.mkdir()
    suite = [sys.executable, "-m", "acp_agent", "conformance", "--only", "session.new", "--"]
    process = await anyio.open_process(
        [*suite, *agent_of(STAYS, tmp_path), str(note)], env={**os.environ, "TMPDIR": str(places)}
    )
    async with process:
        with anyio.fail_after(30):  # the command itself has to start first
            while not (note.exists() and note.read_text(encoding="utf-8")):  # noqa: ASYNC110 - another process
                await anyio.sleep(0.02)
            assert len([*places.iterdir()]) == 1
            process.send_signal(how)
            assert await process.wait() == 130
    assert [*places.iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text(encoding="utf-8")), 0)
