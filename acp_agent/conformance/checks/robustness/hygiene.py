"""The process: what it writes where, and how it ends."""

from __future__ import annotations

from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.checks.wire.framing import eventful
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step
from acp_agent.conformance.verdicts import expect

_SECTION = "Transports > stdio"
_STDERR_BYTES = 4096


@requirement(
    "process.silent-first",
    "MUST",
    section=_SECTION,
)
async def silent_first(stage: Stage) -> int:
    """Nothing is written to stdout before the client speaks."""
    agent = await stage.start()
    await agent.wait_exit(QUIET)
    expect(not agent.log, f"the agent began with {agent.log[0].raw[:200] if agent.log else b''!r}")
    await stage.initialize(agent)
    expect(agent.log[1].frame is not None, f"the first line is no message: {agent.log[1].raw[:200]!r}")
    return 1


@requirement(
    "process.exits-on-eof",
    "SHOULD",
    section=_SECTION,
    aliases=("ACP-SHUTDOWN-001",),
)
async def exits_on_eof(stage: Stage) -> int:
    """The agent exits when its stdin is closed."""
    session = await stage.session()
    await session.agent.close_input()
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code is not None, f"it still runs {stage.exit_time:g} s later")
    return 1


@requirement(
    "process.exit-code",
    "quality",
    section=_SECTION,
)
async def exit_code(stage: Stage) -> int:
    """An exit that was asked for has the code 0."""
    session = await stage.session()
    await session.agent.close_input()
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code in (0, None), f"the exit code is {code}")
    return code is not None


@requirement(
    "process.exits-in-a-turn",
    "SHOULD",
    section=_SECTION,
)
async def exits_in_a_turn(stage: Stage) -> int:
    """The agent exits when its stdin is closed while a turn runs."""
    session = await stage.session()
    await session.running(await session.begin(Step("wait", "working")))
    await session.agent.close_input()
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code is not None, f"it still runs {stage.exit_time:g} s later")
    return 1


@requirement(
    "process.no-orphans",
    "quality",
    section=_SECTION,
)
async def no_orphans(stage: Stage) -> int:
    """When the agent ends, so do the commands it runs."""
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    await session.agent.close_input()
    await session.agent.wait_exit(stage.exit_time)
    await command.expect_gone(stage.exit_time)
    return 1


@requirement(
    "process.quiet-stderr",
    "quality",
    section=_SECTION,
    aliases=("ACP-STDERR-001",),
)
async def quiet_stderr(stage: Stage) -> int:
    """Stderr is quiet when nothing is wrong: some clients show it as errors."""
    session = await eventful(stage)
    n_bytes = len(session.agent.stderr)
    expect(n_bytes <= _STDERR_BYTES, f"{n_bytes} bytes were written to stderr")
    return 1


REQUIREMENTS = (silent_first, exits_on_eof, exit_code, exits_in_a_turn, no_orphans, quiet_stderr)
