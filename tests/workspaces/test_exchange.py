"""Commands that are asked one thing: what they read, what they answer, and that nothing of them is left."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from acp_agent.base.errors import WorkspaceError
from acp_agent.workspaces.environment import child_environment
from acp_agent.workspaces.exchange import MAX_ANSWER, MAX_COMPLAINTS, Exchange, exchange
from acp_agent.workspaces.sandbox import Limits, Sandbox, SandboxChoice
from acp_agent.workspaces.starting import Command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")


async def ask(
    root: Path, text: str, question: bytes = b"", *, timeout: float = 20.0, sandbox: SandboxChoice = "off"
) -> Exchange:
    confined = Sandbox(sandbox)
    command = Command(text, root, child_environment(os.environ), Limits(confined, (root,)))
    try:
        with anyio.fail_after(20):
            return await exchange(command, question, timeout=timeout)
    finally:
        await confined.aclose()


@pytest.mark.parametrize("sandbox", ["off", "auto"])
async def test_the_question_is_its_input_and_complaints_are_apart(root: Path, sandbox: SandboxChoice) -> None:
    said = await ask(root, "cat; echo no >&2; exit 2", b'{"a": "\xc3\xa4"}', sandbox=sandbox)
    assert (said.result.output, said.result.exit_code, said.complaints) == ('{"a": "ä"}', 2, "no\n")


async def test_a_command_that_reads_nothing_is_not_held_by_a_long_question(root: Path) -> None:
    assert (await ask(root, "echo done", b"x" * 1_000_000)).result.output == "done\n"


async def test_of_long_answers_the_end_is_kept_and_of_complaints_the_beginning(root: Path) -> None:
    said = await ask(root, "yes x | head -c 300000; printf end; yes no | head -c 300000 >&2")
    assert len(said.result.output) == MAX_ANSWER
    assert said.result.output.endswith("end")
    assert len(said.complaints) == MAX_COMPLAINTS


async def test_one_that_takes_too_long_is_ended_with_everything_it_started(root: Path) -> None:
    held = root / "fifo"
    os.mkfifo(held)
    said = await ask(root, f"sleep 60 > {held} & sleep 60", timeout=0.2)
    assert said.result.timed_out
    descriptor = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert os.read(descriptor, 1) == b""  # nobody has it open for writing
    finally:
        os.close(descriptor)


async def test_one_that_cannot_be_started_says_so(root: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot start the shell"):
        await ask(root / "missing", "true")
