"""`acp-agent prompt`: one turn of an agent, driven as an editor would drive it."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli import exits
from acp_agent.cli.conversation import JsonPrinter, TextPrinter, standard_printer
from acp_agent.cli.style import style_for
from acp_agent.client.client import Client, connect
from acp_agent.client.process import ProcessTransport, start_agent
from acp_agent.rpc.errors import RpcError

OWN_AGENT = (sys.executable, "-m", "acp_agent", "serve")


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
    command = [*OWN_AGENT]
    for option in ("model", "mode"):
        value = getattr(args, option)
        if value:
            command += [f"--{option}", value]
    return command


class Approver:
    """Answers permission requests: yes to all, a question to the person at the terminal, or no.

    `asked` holds the titles of all requests so far.
    """

    def __init__(self, *, always: bool, interactive: bool) -> None:
        self._always = always
        self._interactive = interactive and sys.stdin.isatty()
        self.printer: TextPrinter | None = None
        self.asked: list[str] = []

    async def answer(self, params: JsonObject) -> JsonValue:
        """The outcome for one `session/request_permission`."""
        options = [option for option in _list(params.get("options")) if isinstance(option, dict)]
        call = params.get("toolCall")
        title = str(call.get("title")) if isinstance(call, dict) else "a tool call"
        self.asked.append(title)
        if self._always:
            self._note(f"  allowed: {title}")
            return _select(options, "allow_once")
        if not self._interactive:
            self._note(f"  denied: {title} (allow with `--auto-approve` or `--mode`)")
            return _select(options, "reject_once")
        return await self._ask(title, options)

    async def _ask(self, title: str, options: list[JsonObject]) -> JsonValue:
        self._note(f"\n  permission needed: {title}")
        for number, option in enumerate(options, 1):
            self._note(f"    {number}  {option.get('name')}")
        sys.stderr.write("  your choice: ")
        sys.stderr.flush()
        reply = (await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)).strip()
        if reply.isdecimal() and 1 <= int(reply) <= len(options):
            return {"outcome": {"outcome": "selected", "optionId": options[int(reply) - 1].get("optionId")}}
        return _select(options, "reject_once")

    def _note(self, text: str) -> None:
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
    transport: ProcessTransport | None = None
    try:
        async with (
            start_agent(command, cwd=cwd, env=env) as transport,
            connect(
                transport,
                on_update=lambda _, update: draw(update),
                requests={"session/request_permission": approver.answer},
            ) as client,
        ):
            session_id = await client.new_session(str(cwd), mcp_servers)
            stop_reason = await _prompt_until_interrupted(client, session_id, text)
    except RpcError as exc:
        printer.end()
        exits.report(exc.message)
        return exits.FAILED
    except ConnectionLost as exc:
        printer.end()
        tail = "\n".join(transport.stderr_tail) if transport is not None else ""
        exits.report(f"the agent ended before it answered: {exc}\n{tail}".rstrip())
        return exits.FAILED
    printer.end()
    if as_json:
        json_printer.stop(stop_reason)
    elif stop_reason not in ("end_turn", "cancelled"):
        printer.note(f"stopped: {stop_reason}")
    return {"end_turn": exits.OK, "cancelled": exits.INTERRUPTED}.get(stop_reason, exits.FAILED)


async def _prompt_until_interrupted(client: Client, session_id: str, text: str) -> str:
    """Ctrl-C cancels the turn, and its end is awaited."""
    stop_reason = ""
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            if os.name != "posix":
                return  # there, Ctrl-C interrupts the event loop itself
            with anyio.open_signal_receiver(signal.SIGINT) as signals:
                async for _ in signals:
                    client.cancel(session_id)

        tasks.start_soon(watch)
        stop_reason = await client.prompt(session_id, text)
        tasks.cancel_scope.cancel()
    return stop_reason


def _prompt_text(argument: str | None) -> str:
    return sys.stdin.read() if argument in (None, "-") else argument


def _select(options: list[JsonObject], kind: str) -> JsonValue:
    for option in options:
        if option.get("kind") == kind:
            return {"outcome": {"outcome": "selected", "optionId": option.get("optionId")}}
    return {"outcome": {"outcome": "cancelled"}}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
