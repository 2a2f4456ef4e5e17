"""Every way to end a turn early, in every state it can be in: a table of states and a table of signals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import msgspec

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import RequestId
from acp_agent.conformance.checks.tools.commands_run import long_command
from acp_agent.conformance.checks.turns.cancellation import ends_cancelled
from acp_agent.conformance.reach import at
from acp_agent.conformance.requirement import Level, Requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step
from acp_agent.conformance.verdicts import Broken, NotAdvertised, expect

_CLOSE = ("agentCapabilities.sessionCapabilities.close",)
_WITHDRAWN = -32800
_LONG_ENOUGH = 5.0
"""Seconds after which an agent is taken not to know `$/cancel_request`."""

Turn: TypeAlias = tuple[Session, RequestId]


class State(msgspec.Struct, frozen=True):
    """A state of a turn: its name, how it is told of, and how a turn gets there."""

    name: str
    words: str
    reach: Callable[[Stage], Awaitable[Turn]]


class Signal(msgspec.Struct, frozen=True):
    """A way to end a turn: how ids and texts of its requirements begin and end, what it does and expects."""

    prefix: str
    level: Level
    section: str
    words: str
    ending: str
    end: Callable[[Stage, Session, RequestId], Awaitable[None]]
    needs: tuple[str, ...] = ()


async def _waiting(stage: Stage) -> Turn:
    session = await stage.session()
    prompt = await session.begin(Step("wait"))
    with anyio.move_on_after(session.agent.patience):
        while not (  # noqa: ASYNC110 - what is waited for has no event in common
            stage.profile.plays_scripts or stage.model.n_played or session.agent.is_answered(prompt)
        ):
            await anyio.sleep(0.02)
    session.need_script()
    return session, prompt


async def _thinking(stage: Stage) -> Turn:
    session = await stage.session()
    prompt = await session.begin(Step("ponder", "hm"))
    await session.running(prompt, "agent_thought_chunk")
    return session, prompt


async def _streaming(stage: Stage) -> Turn:
    session = await stage.session()
    prompt = await session.begin(Step("wait", "working on it"))
    await session.running(prompt)
    return session, prompt


async def _asking(stage: Stage) -> Turn:
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    await session.asked(prompt)
    return session, prompt


async def _commanding(stage: Stage) -> Turn:
    session = await stage.session()
    command = long_command(stage.workspace)
    prompt = await session.begin(Step("run", command.line))
    await command.wait_running(session, prompt)
    return session, prompt


async def _reading(stage: Stage) -> Turn:
    method = "fs/read_text_file"
    return await _unanswered(
        stage, {"fs": {"readTextFile": True}}, method, Step("read", path=str(stage.workspace / "in.txt"))
    )


async def _questioning(stage: Stage) -> Turn:
    offer: JsonObject = {"elicitation": {"form": {}}}
    return await _unanswered(stage, offer, "elicitation/create", Step("ask", "Which color?"))


async def _unanswered(stage: Stage, offer: JsonObject, method: str, step: Step) -> Turn:
    agent = await stage.ready(offer=offer)
    stage.client.unanswered.add(method)
    session = await stage.open(agent)
    session.file("in.txt", "some text\n")
    prompt = await session.begin(step)
    await session.asked(prompt, method)
    return session, prompt


async def _cancel(stage: Stage, session: Session, prompt: RequestId) -> None:
    await session.cancel()
    await ends_cancelled(session, prompt)


async def _withdraw(stage: Stage, session: Session, prompt: RequestId) -> None:
    await session.agent.notify("$/cancel_request", {"requestId": prompt})
    try:
        answer = await session.agent.answer(prompt, patience=min(_LONG_ENOUGH, session.agent.patience))
    except Broken as exc:
        if session.agent.output_ended.is_set():
            raise
        raise NotAdvertised("the agent takes no notice of `$/cancel_request`, as it may") from exc
    if at(answer, "error", "code") != _WITHDRAWN:
        await ends_cancelled(session, prompt)


async def _close(stage: Stage, session: Session, prompt: RequestId) -> None:
    await session.agent.result("session/close", {"sessionId": session.id})
    await ends_cancelled(session, prompt)


async def _hang_up(stage: Stage, session: Session, prompt: RequestId) -> None:
    await session.agent.close_input()
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code is not None, f"it still runs {stage.exit_time:g} s later")


BEFORE_FIRST_WORD = State("before-first-word", "before the model says a word", _waiting)
THINKING = State("thinking", "while the model thinks", _thinking)
STREAMING = State("streaming", "while the model answers", _streaming)
OPEN_PERMISSION = State("open-permission", "while a permission is asked for", _asking)
RUNNING_COMMAND = State("running-command", "while a command runs", _commanding)
OPEN_FILE = State("open-file-request", "while the client is asked for a file", _reading)
OPEN_QUESTION = State("open-question", "while the user is asked a question", _questioning)

CANCEL = Signal(
    "cancel.", "MUST", "Prompt turn > Cancellation", "A turn cancelled", "ends `cancelled`", _cancel
)
WITHDRAW = Signal(
    "withdraw.",
    "MAY",
    "Cancellation of requests",
    "A prompt withdrawn",
    "is answered with -32800 or `cancelled`",
    _withdraw,
)
CLOSE = Signal(
    "close.", "MUST", "Session close", "A turn whose session is closed", "ends `cancelled`", _close, _CLOSE
)
HANG_UP = Signal(
    "process.exits-", "SHOULD", "Transports > stdio", "An agent whose stdin is closed", "exits", _hang_up
)

TABLE: tuple[tuple[Signal, tuple[State, ...]], ...] = (
    (CANCEL, (BEFORE_FIRST_WORD, THINKING, OPEN_FILE, OPEN_QUESTION)),
    (
        WITHDRAW,
        (BEFORE_FIRST_WORD, STREAMING, OPEN_PERMISSION, RUNNING_COMMAND, OPEN_FILE, OPEN_QUESTION),
    ),
    (CLOSE, (BEFORE_FIRST_WORD, OPEN_PERMISSION, RUNNING_COMMAND)),
    (HANG_UP, (OPEN_PERMISSION, RUNNING_COMMAND)),
)
"""What the modules of single checks do not have already."""


def _made(signal: Signal, state: State) -> Requirement:
    async def check(stage: Stage) -> int:
        session, prompt = await state.reach(stage)
        await signal.end(stage, session, prompt)
        return 1

    return Requirement(
        id=f"{signal.prefix}{state.name}",
        level=signal.level,
        text=f"{signal.words} {state.words} {signal.ending}.",
        section=signal.section,
        check=check,
        needs=signal.needs,
    )


REQUIREMENTS = tuple(_made(signal, state) for signal, states in TABLE for state in states)
