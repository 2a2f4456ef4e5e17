"""`acp-agent chat`: a conversation with any ACP agent, in the terminal."""

from __future__ import annotations

import os
import queue
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime
from pathlib import Path
from threading import Event

from acp_agent.base.errors import AcpAgentError, ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli import exits
from acp_agent.cli.chat_commands import ChatCommands
from acp_agent.cli.chat_inbox import (
    Inbox,
    Interrupt,
    Item,
    Note,
    Question,
    interrupts_noted,
    keyboard_interrupts,
)
from acp_agent.cli.chat_screen import PlainScreen, RichScreen, Screen
from acp_agent.cli.conversation import standard_printer
from acp_agent.cli.doorbell import Rung
from acp_agent.cli.harmless import harmless
from acp_agent.cli.line_editor import LineEditor
from acp_agent.cli.prompt import own_agent
from acp_agent.cli.style import style_for
from acp_agent.client.active_session import ActiveSession, Stopped, Update
from acp_agent.client.blocking import BlockingAgent, connect_blocking
from acp_agent.client.connection import Connection
from acp_agent.client.permission import reject_once
from acp_agent.client.session_builder import SessionBuilder
from acp_agent.rpc.errors import RpcError

TICK = 0.25
"""Seconds between two drawings while the agent says nothing."""


def main(args: Namespace) -> int:
    """Talk until one side has had enough; the exit code says which."""
    cwd = Path(args.cwd or ".").resolve()
    if not cwd.is_dir():
        exits.report(f"`{cwd}` is not a directory", "name an existing one with `--cwd`")
        return exits.USAGE
    inbox = Inbox()
    command = args.agent or own_agent(args)
    screen = make_screen(plain=args.plain)
    try:
        with connect_blocking(command, client=inbox.client(), cwd=cwd) as agent:
            if args.list:
                return _list(agent, cwd)
            return _talk(agent, _builder(agent, args, cwd), inbox, screen)
    except RpcError as exc:
        screen.pause()
        exits.report(harmless(exc.message))
    except ConnectionLost as exc:
        screen.pause()
        exits.report(harmless(str(exc)))
    return exits.FAILED


def make_screen(*, plain: bool) -> Screen:
    """A screen for this process's standard output."""
    if plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return PlainScreen(standard_printer(style_for(sys.stderr, os.environ)))
    from rich.console import Console  # lazy: only a chat draws

    return RichScreen(Console())


class Chat:
    """One conversation. `run` returns the exit code."""

    def __init__(self, agent: BlockingAgent, session: ActiveSession, inbox: Inbox, screen: Screen) -> None:
        self._agent = agent
        self._session = session
        self._inbox = inbox
        self._screen = screen
        self._commands = ChatCommands(session, screen, lambda act: agent.run(lambda _: act()))
        self._lines = LineEditor(lambda: self._commands.names)
        self._person_is_there = sys.stdin.isatty()
        self._failed = False
        self._pressed = Event()  # Ctrl-C at a moment when neither a line is read nor a turn runs
        self._cancelling = False  # whether Ctrl-C has cancelled the turn that is running

    def run(self) -> int:
        """Read a line, let the agent answer it, and so on."""
        if self._person_is_there:
            self._screen.note(greeting(self._agent.agent))
        with (
            interrupts_noted(self._pressed),
            self._inbox.doorbell.installed(self._lines.typed, lambda: self._lines.is_beginning),
        ):
            try:
                return self._run()
            except _Leave:
                return exits.INTERRUPTED

    def _run(self) -> int:
        warned, draft, patience = False, "", 0.0
        while True:
            self._draw_what_came(patience)
            patience = 0.0
            try:
                with keyboard_interrupts(lambda: self._lines.is_beginning):
                    if self._pressed.is_set():  # while something was drawn
                        self._pressed.clear()
                        raise KeyboardInterrupt
                    begun, draft = draft, ""
                    news = self._inbox.doorbell.heard(self._inbox.news.is_set)
                    with news if self._person_is_there else nullcontext():
                        text = self._lines.read("> ", draft=begun)
            except Rung as rung:
                draft, patience = rung.typed, TICK
                continue
            except EOFError:
                return exits.FAILED if self._failed else exits.OK
            except KeyboardInterrupt:
                if warned:
                    return exits.INTERRUPTED
                self._screen.note("\nCtrl-C again, or Ctrl-D, leaves")
                warned = True
                continue
            warned = False
            if text.strip() == "/quit":
                return exits.OK
            if not text.strip():
                continue
            if not self._commands.act(text):
                self._turn(text)

    def _turn(self, text: str) -> None:
        self._call(lambda: self._session.send_prompt(text))
        self._cancelling = False
        with self._inbox.interrupts():
            while True:
                try:
                    item = self._inbox.items.get(timeout=TICK)
                except queue.Empty:
                    self._screen.tick()
                    continue
                if self._draw(item):
                    return

    def _interrupted(self) -> None:
        if self._cancelling:
            self._screen.pause()
            raise _Leave
        self._cancelling = True
        self._call(self._session.cancel)
        self._screen.cancelling()

    def _draw(self, item: Item) -> bool:
        """Draw it; whether it ended the turn."""
        match item:
            case Update():
                self._screen.update(item.data)
            case Note():
                self._screen.note(item.text)
            case Question():
                self._answer(item)
            case Interrupt():
                self._interrupted()
            case Stopped():
                self._screen.pause()
                if told := status_line(self._session, item.stop_reason):
                    self._screen.note(f"  {told}")
                    self._screen.pause()
                return True
            case ConnectionLost():
                raise item
            case AcpAgentError():
                self._failed = True
                self._screen.pause()
                self._screen.note(f"! {item}")
                self._screen.pause()
                return True
        return False

    def _draw_what_came(self, patience: float) -> None:
        """What was said between two turns, until nothing more comes for so many seconds."""
        self._cancelling = False
        self._inbox.news.clear()
        with suppress(queue.Empty):
            while True:
                self._draw(self._inbox.items.get(timeout=patience))
        self._screen.pause()

    def _answer(self, question: Question) -> None:
        self._screen.pause()
        if question.withdrawn:
            return
        try:
            with keyboard_interrupts(lambda: self._lines.is_beginning):
                question.answer = self._choose(question) if question.request else self._line(question)
        except Rung:
            self._screen.note("  the agent does not ask any more")
            self._screen.pause()
            return
        except EOFError:
            question.answer = None
        except KeyboardInterrupt:
            self._interrupted()
        self._agent.run(question.finish)

    def _line(self, question: Question) -> str | None:
        return self._read(question) if self._person_is_there else None

    def _read(self, question: Question) -> str:
        """A line in answer; raises `Rung` when the question is withdrawn."""
        with self._inbox.doorbell.heard(lambda: question.withdrawn):
            return self._lines.read(question.shown)

    def _choose(self, question: Question) -> str | None:
        request = question.request
        assert request is not None  # asked of permission requests only
        if not self._person_is_there:
            self._screen.note(f"  denied: {request.tool_call.get('title')} (nobody is at the terminal)")
            return self._agent.run(lambda _: reject_once(request))
        self._screen.question(request.tool_call, request.options)
        while True:
            reply = self._read(question).strip()
            if reply.isdecimal() and 1 <= int(reply) <= len(request.options):
                return str(request.options[int(reply) - 1].get("optionId"))
            self._screen.note(f"  a number from 1 to {len(request.options)}; Ctrl-C cancels")
            self._screen.pause()

    def _call(self, act: Callable[[], object]) -> None:
        """Do something with the session on its own event loop."""

        async def do(_: Connection) -> None:
            act()

        self._agent.run(do)


def greeting(agent: JsonObject) -> str:
    """Who is there, and where to look for what can be typed."""
    info = agent.get("agentInfo")
    told = [info.get("title") or info.get("name"), info.get("version")] if isinstance(info, dict) else []
    name = " ".join(str(part) for part in told if part)
    return f"  {name or 'ready'} · /chat-help tells what else than prompts can be typed"


def status_line(session: ActiveSession, stop_reason: str) -> str:
    """What is worth knowing after a turn; empty if nothing is."""
    usage = session.conversation.usage
    parts = [] if stop_reason == "end_turn" else [f"stopped: {stop_reason}"]
    used, size = usage.get("used"), usage.get("size")
    if isinstance(used, int) and isinstance(size, int) and size:
        parts.append(f"{used:,} of {size:,} tokens")
    cost = usage.get("cost")
    amount = cost.get("amount") if isinstance(cost, dict) else None
    if isinstance(cost, dict) and isinstance(amount, int | float) and amount:
        parts.append(f"{amount:.4f} {cost.get('currency')}")
    if session.mode is not None:
        parts.append(f"mode {session.mode}")
    return " · ".join(parts)


def _talk(agent: BlockingAgent, builder: SessionBuilder, inbox: Inbox, screen: Screen) -> int:
    async def begin(connection: Connection) -> tuple[ActiveSession, list[JsonObject]]:
        session = await builder.start_session()
        history: list[JsonObject] = []
        while isinstance(update := session.read_nowait(), Update):
            history.append(update.data)
        connection.spawn(inbox.follow, session)
        return session, history

    session, history = agent.run(begin)
    for update in history:
        screen.update(update)
    screen.pause()
    return Chat(agent, session, inbox, screen).run()


def _builder(agent: BlockingAgent, args: Namespace, cwd: Path) -> SessionBuilder:
    """The session that is asked for; nothing is sent for a new one yet."""

    async def new(connection: Connection) -> SessionBuilder:
        return connection.build_session(cwd)

    if not args.resume and not getattr(args, "continue"):
        return agent.run(new)
    stored = _stored(agent, cwd)
    if not stored:
        raise RpcError(0, f"there is no session to go on with in `{cwd}`")
    chosen = _pick(stored) if args.resume else stored[0]
    session_id = str(chosen.get("sessionId"))

    async def again(connection: Connection) -> SessionBuilder:
        if connection.capabilities.get("loadSession") is True:
            return connection.load_session(session_id, cwd)
        return connection.resume_session(session_id, cwd)

    return agent.run(again)


def _stored(agent: BlockingAgent, cwd: Path) -> list[JsonObject]:
    """The folder's sessions, latest first."""
    able = agent.capabilities.get("sessionCapabilities")
    if not isinstance(able, dict) or able.get("list") is None:
        raise RpcError(0, "this agent cannot list its sessions")
    found = agent.all_sessions(cwd=cwd)
    return sorted(found, key=lambda entry: str(entry.get("updatedAt") or ""), reverse=True)


def _pick(stored: Sequence[JsonObject]) -> JsonObject:
    for number, entry in enumerate(stored, 1):
        sys.stderr.write(f"  {number:>3}  {_session_line(entry)}\n")
    reply = LineEditor(list).read("  which session? ").strip()
    if reply.isdecimal() and 1 <= int(reply) <= len(stored):
        return stored[int(reply) - 1]
    raise RpcError(0, f"`{reply}` is not the number of a session")


def _list(agent: BlockingAgent, cwd: Path) -> int:
    for entry in _stored(agent, cwd):
        print(f"{entry.get('sessionId')}  {_session_line(entry)}")
    return exits.OK


def _session_line(entry: JsonObject) -> str:
    def told(value: JsonValue) -> str:
        return " ".join(harmless(str(value or "")).split())

    return f"{_local_time(told(entry.get('updatedAt'))):<16}  {told(entry.get('title')) or '(no title)'}"


def _local_time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:  # an agent may write what it likes, or nothing
        return text[:16]


class _Leave(Exception):
    """The person has had enough in the middle of a turn."""
