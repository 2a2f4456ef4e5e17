"""`acp-agent prompt`: one turn of an agent, driven as an editor would drive it."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli import exits
from acp_agent.cli.conversation import JsonPrinter, TextPrinter, standard_printer
from acp_agent.cli.questions import CAPABILITY, Asking, ReadLine, read_line
from acp_agent.cli.style import style_for
from acp_agent.client.active_session import ActiveSession
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.dispatch import Responder
from acp_agent.client.messages import RequestPermission
from acp_agent.client.permission import allow_once, reject_once
from acp_agent.client.process import start_agent
from acp_agent.client.session_builder import SessionBuilder
from acp_agent.rpc.errors import RpcError

# Without `-P` Python looks for modules in the folder it is started in, which may be anybody's.
OWN_AGENT = (sys.executable, "-P", "-m", "acp_agent", "serve")


def main(args: Namespace) -> int:
    """Run the prompt; the exit code says whether the turn reached its end."""
    text = _prompt_text(args.text)
    if not text.strip():
        exits.report("there is no prompt", 'write it as an argument: `acp-agent prompt "…"`')
        return exits.USAGE
    cwd = Path(args.cwd or ".").resolve()
    if not cwd.is_dir():
        exits.report(f"`{cwd}` is not a directory", "name an existing one with `--cwd`")
        return exits.USAGE
    approver = Approver(always=args.auto_approve, interactive=args.text not in (None, "-"))
    return anyio.run(run_prompt, agent_command(args), cwd, text, approver, args.output_format == "json")


def agent_command(args: Namespace) -> list[str]:
    """The agent to start: the one named by `--agent`, or our own with the settings given here."""
    if args.agent:
        return shlex.split(args.agent, posix=os.name == "posix")
    return own_agent(args)


def own_agent(args: Namespace) -> list[str]:
    """The command of our own agent with the settings given here."""
    command = [*OWN_AGENT]
    for option in ("model", "mode"):
        value = getattr(args, option)
        if value:
            command += [f"--{option}", value]
    return command


class Approver:
    """Answers permission requests: yes to all, a question to the person at the terminal, or no.

    `asked` holds the titles of all requests so far; `read` asks the person, if there is one.
    """

    def __init__(self, *, always: bool, interactive: bool) -> None:
        self._always = always
        self._interactive = interactive and sys.stdin.isatty()
        self.read: ReadLine | None = read_line if self._interactive else None
        self.printer: TextPrinter | None = None
        self.asked: list[str] = []

    async def choose(self, request: RequestPermission) -> str | None:
        """The option to answer one permission request with."""
        title = str(request.tool_call.get("title") or "a tool call")
        self.asked.append(title)
        if self._always:
            self.note(f"  allowed: {title}")
            return await allow_once(request)
        if not self._interactive:
            self.note(f"  denied: {title} (allow with `--auto-approve` or `--mode`)")
            return await reject_once(request)
        return await self._ask(title, request)

    async def _ask(self, title: str, request: RequestPermission) -> str | None:
        self.note(f"\n  permission needed: {title}")
        for number, option in enumerate(request.options, 1):
            self.note(f"    {number}  {option.get('name')}")
        reply = (await read_line("  your choice: ")).strip()
        if reply.isdecimal() and 1 <= int(reply) <= len(request.options):
            return str(request.options[int(reply) - 1].get("optionId"))
        return await reject_once(request)

    def note(self, text: str) -> None:
        """Print a line beside the answer, if there is a printer."""
        if self.printer is not None:
            self.printer.note(text)


async def run_prompt(
    command: Sequence[str],
    cwd: Path,
    text: str,
    approver: Approver,
    as_json: bool = False,
    mcp_servers: Sequence[JsonObject] = (),
    env: Mapping[str, str] | None = None,
) -> int:
    """Start the agent, run one turn, print it; returns the exit code."""
    json_printer = JsonPrinter(sys.stdout)
    printer = approver.printer = standard_printer(style_for(sys.stderr, os.environ))
    draw = json_printer.update if as_json else printer.update
    try:
        async with (
            start_agent(command, cwd=cwd, env=env) as transport,
            _client(approver).connect(transport) as agent,
            _with_servers(agent.build_session(cwd), mcp_servers) as session,
        ):
            stop_reason = await _prompt_until_interrupted(session, text, draw)
    except RpcError as exc:
        printer.end()
        exits.report(exc.message)
        return exits.FAILED
    except ConnectionLost as exc:
        printer.end()
        exits.report(str(exc))
        return exits.FAILED
    printer.end()
    if as_json:
        json_printer.stop(stop_reason)
    elif stop_reason not in ("end_turn", "cancelled"):
        printer.note(f"stopped: {stop_reason}")
    return {"end_turn": exits.OK, "cancelled": exits.INTERRUPTED}.get(stop_reason, exits.FAILED)


def _client(approver: Approver) -> Client:
    """A client that asks the person at the terminal, if there is one."""
    client = Client(permissions=approver.choose, capabilities={"elicitation": {**CAPABILITY}})
    asking = Asking(approver.note, approver.read)

    @client.on_request("elicitation/create", concurrent=True)
    async def answer(params: JsonObject, responder: Responder, connection: Connection) -> JsonValue:
        return await asking.answer(params)

    return client


def _with_servers(builder: SessionBuilder, servers: Sequence[JsonObject]) -> SessionBuilder:
    for server in servers:
        builder = builder.with_mcp_server(server)
    return builder


async def _prompt_until_interrupted(
    session: ActiveSession, text: str, draw: Callable[[JsonObject], None]
) -> str:
    """Draw the turn's updates; Ctrl-C cancels it, and its end is awaited."""
    stop_reason = ""
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            if os.name != "posix":
                return  # there, Ctrl-C interrupts the event loop itself
            with anyio.open_signal_receiver(signal.SIGINT) as signals:
                async for _ in signals:
                    session.cancel()

        tasks.start_soon(watch)
        prompt = session.send_prompt(text)
        async for update in session.updates():
            draw(update.data)
        stop_reason = await prompt
        tasks.cancel_scope.cancel()
    return stop_reason


def _prompt_text(argument: str | None) -> str:
    return sys.stdin.read() if argument in (None, "-") else argument
