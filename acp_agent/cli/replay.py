"""`acp-agent replay`: plays one side of a recorded conversation."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import anyio

from acp_agent.cli import exits
from acp_agent.client.process import start_agent
from acp_agent.client.recording import Line, read_recording, replay
from acp_agent.rpc.framing import LineFramer
from acp_agent.rpc.stdio import FdTransport, claim_stdio


def main(args: Namespace) -> int:
    """Play it; the exit code says whether it went as it did then."""
    if not args.words:
        exits.report("there is no recording", "`acp-agent proxy --record FILE -- …` makes one")
        return exits.USAGE
    name, *agent = args.words
    try:
        lines = read_recording(Path(name))
    except OSError as exc:
        exits.report(f"`{name}` cannot be read: {exc.strerror}")
        return exits.FAILED
    differences = anyio.run(_play, lines, agent)
    for difference in differences:
        sys.stderr.write(f"acp-agent: {difference}\n")
    return exits.FAILED if differences else exits.OK


async def _play(lines: Sequence[Line], agent: Sequence[str]) -> list[str]:
    if agent:
        async with start_agent(agent) as transport:
            return await replay(lines, transport, speaker="client")
    return await replay(lines, FdTransport(claim_stdio(), LineFramer()), speaker="agent")
