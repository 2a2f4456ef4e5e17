"""What crosses from the connection's event loop to the person at the terminal, in one order.

The main thread alone reads keys and draws. Updates, questions and failures reach it through one queue, so a
question is drawn behind what was said before it. What is to be seen rings the doorbell.
"""

from __future__ import annotations

import queue
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Timer, get_ident
from typing import TypeAlias

import anyio

from acp_agent.base.errors import AcpAgentError, ConnectionLost
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.doorbell import Doorbell
from acp_agent.cli.questions import Asking
from acp_agent.client.active_session import ActiveSession, SessionMessage, Update
from acp_agent.client.client import Client
from acp_agent.client.errors import SessionChannelClosed
from acp_agent.client.messages import RequestPermission


class Note:
    """A line of ours."""

    def __init__(self, text: str) -> None:
        self.text = text


class Interrupt:
    """Ctrl-C."""


class Question:
    """Something only the person can say: a line, or with `request` the id of one of its options.

    `answer` is None if nothing was said; `withdrawn` is set when nobody wants to know any more.
    """

    def __init__(self, shown: str, request: RequestPermission | None = None) -> None:
        self.shown = shown
        self.request = request
        self.answer: str | None = None
        self.withdrawn = False
        self._done = anyio.Event()

    async def wait(self) -> None:
        """Return once there is an answer."""
        await self._done.wait()

    def withdraw(self) -> None:
        """Want to know no more, unless it is answered."""
        self.withdrawn = not self._done.is_set()

    async def finish(self, *_: object) -> None:
        """Let the answer be taken; runs on the connection's event loop."""
        self._done.set()


RETRY_TIME = 0.1
"""Seconds until a Ctrl-C that came at the wrong moment comes again."""

CAPABILITIES: JsonObject = {
    "elicitation": {"form": {}, "url": {}},
    "session": {"notices": {}, "configOptions": {"boolean": {}}},
}
"""What a chat can show and ask beyond what every client can."""

_UNSEEN = frozenset(
    {
        "available_commands_update",
        "current_mode_update",
        "config_option_update",
        "session_info_update",
        "usage_update",
    }
)
"""Updates that are not drawn."""

Item: TypeAlias = SessionMessage | Note | Interrupt | Question | AcpAgentError


class Inbox:
    """The queue, and a client that asks through it."""

    def __init__(self) -> None:
        self.items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.news = Event()  # something to be seen has come; whoever looks clears it first
        self.doorbell = Doorbell()
        self._one_at_a_time = anyio.Lock()

    @contextmanager
    def interrupts(self) -> Generator[None, None, None]:
        """Let Ctrl-C come through the queue, rather than as an exception in the middle of a drawing."""

        def put(signal_number: int, frame: object) -> None:
            self.items.put(Interrupt())

        before = signal.signal(signal.SIGINT, put)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def client(self) -> Client:
        """Answers permission requests and elicitations with what the person says."""
        client = Client(permissions=self._choose, capabilities=CAPABILITIES)
        asking = Asking(lambda text: self._put(Note(text)), self._read)

        @client.on_request("elicitation/create", concurrent=True)
        async def ask(params: JsonObject, *_: object) -> JsonValue:
            async with self._one_at_a_time:
                try:
                    return await asking.answer(params)
                except _NothingSaid:
                    return {"action": "cancel"}

        return client

    async def follow(self, session: ActiveSession) -> None:
        """Put everything the session says into the queue, until it is closed."""
        while True:
            try:
                self._put(await session.read_update())
            except SessionChannelClosed:
                return
            except ConnectionLost as exc:
                self._put(exc)
                return
            except AcpAgentError as exc:
                self._put(exc)

    async def _choose(self, request: RequestPermission) -> str | None:
        async with self._one_at_a_time:
            return await self._ask(Question("  your choice: ", request))

    async def _read(self, shown: str) -> str:
        answer = await self._ask(Question(shown))
        if answer is None:
            raise _NothingSaid
        return answer

    async def _ask(self, question: Question) -> str | None:
        self._put(question)
        try:
            await question.wait()
            return question.answer
        finally:
            question.withdraw()

    def _put(self, item: Item) -> None:
        self.items.put(item)
        if not (isinstance(item, Update) and item.kind in _UNSEEN):
            self.news.set()


@contextmanager
def interrupts_noted(pressed: Event) -> Generator[None, None, None]:
    """Let Ctrl-C set `pressed`, rather than be an exception that could come anywhere."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: pressed.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def keyboard_interrupts(is_beginning: Callable[[], bool]) -> Generator[None, None, None]:
    """Let Ctrl-C be a `KeyboardInterrupt` while a line is read; while it `is_beginning`, a moment later."""
    listener = get_ident()

    def hear(signal_number: int, frame: object) -> None:
        if not is_beginning():
            raise KeyboardInterrupt
        Timer(RETRY_TIME, signal.pthread_kill, (listener, signal_number)).start()

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _NothingSaid(Exception):
    pass
