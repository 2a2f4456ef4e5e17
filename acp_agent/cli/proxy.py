"""`acp-agent proxy`: stands between an editor and any agent."""

from __future__ import annotations

import importlib
import os
import signal
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio

from acp_agent.base.errors import ConfigError
from acp_agent.cli import exits
from acp_agent.client.process import start_agent
from acp_agent.client.proxy import Conductor, Proxy, context_proxy
from acp_agent.client.recording import Recorder
from acp_agent.rpc.framing import LineFramer
from acp_agent.rpc.stdio import FdTransport, claim_stdio


def main(args: Namespace) -> int:
    """Forward until the editor or the agent is gone."""
    if not args.agent:
        exits.report("there is no agent", "name its command behind `--`: `acp-agent proxy -- acp-agent`")
        return exits.USAGE
    with ExitStack() as files:
        try:
            proxies = _proxies(args, files)
        except OSError as exc:
            exits.report(f"`{exc.filename}` cannot be opened: {exc.strerror}")
            return exits.USAGE
        return anyio.run(forward, args.agent, proxies)


def _proxies(args: Namespace, files: ExitStack) -> list[Proxy]:
    proxies: list[Proxy] = []
    if args.record:
        output = open(args.record, "w", encoding="utf-8", opener=_private)  # noqa: SIM115 — the next line does
        files.enter_context(output)
        proxies.append(Proxy(tap=Recorder(output, we_are="agent").tap))
    if args.context:
        proxies.append(context_proxy(Path(args.context).read_text(encoding="utf-8")))
    proxies += [_named(place) for place in args.use or ()]
    return proxies or [Proxy()]


def _private(path: str, flags: int) -> int:
    """A new file that only its owner can read: it holds whole conversations."""
    return os.open(path, flags, 0o600)


async def forward(command: Sequence[str], proxies: Sequence[Proxy]) -> int:
    """Serve the client on the standard streams with what `command` serves; returns the exit code."""
    async with start_agent(command, shares_stderr=True) as agent:
        editor = FdTransport(claim_stdio(), LineFramer())
        async with anyio.create_task_group() as tasks:

            async def leave_when_told() -> None:
                if os.name != "posix":
                    return  # there, ending a process is not announced
                with anyio.open_signal_receiver(signal.SIGTERM) as signals:
                    async for _ in signals:
                        tasks.cancel_scope.cancel()

            tasks.start_soon(leave_when_told)
            await Conductor(proxies).run(editor, agent)
            tasks.cancel_scope.cancel()
        if agent.exit_code:
            exits.report(f"{agent.name} ended with exit code {agent.exit_code}")
            return exits.FAILED
    return exits.OK


def _named(place: str) -> Proxy:
    """The proxy that `module:name` names."""
    module, _, name = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"`{place}` cannot be used: {exc}", hint="name it as `module:attribute`") from exc
    if not isinstance(found, Proxy):
        raise ConfigError(f"`{place}` is no `Proxy`", hint="see docs/client.md")
    return found
