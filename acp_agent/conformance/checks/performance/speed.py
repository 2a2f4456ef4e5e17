"""How fast the agent is beside one that only does what is scripted: told as a grade, never a failure."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from acp_agent.conformance.agent_process import AgentProcess
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Inconclusive

_SECTION = "Performance"
_GRADES = ((2.0, "A"), (5.0, "B"), (15.0, "C"), (50.0, "D"))
_LEAST = 0.01
"""Seconds below which nobody notices a difference: what took less counts as this."""

_N_WORDS = 2000
_ROUNDS = 3

_Measure: TypeAlias = Callable[[Session], Awaitable[float]]


def grade(seconds: float, reference: float) -> str:
    """A to E, by how many times as long as the reference something took."""
    ratio = max(seconds, _LEAST) / max(reference, _LEAST)
    return next((name for limit, name in _GRADES if ratio <= limit), "E")


def _tell(stage: Stage, seconds: float, reference: float) -> int:
    stage.remark = (
        f"grade {grade(seconds, reference)}: {_shown(seconds)}, "
        f"{seconds / max(reference, 1e-6):.1f} times the reference's {_shown(reference)}"
    )
    return 1


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= _LEAST else f"{seconds * 1000:.1f} ms"


async def _compared(stage: Stage, measure: _Measure) -> int:
    """Measure a session of the agent, and one of the reference; the best of a few rounds each."""
    sessions = [await stage.session(), await stage.open(await stage.start_reference())]
    own, reference = [min([await measure(session) for _ in range(_ROUNDS)]) for session in sessions]
    sessions[0].need_script()
    return _tell(stage, own, reference)


@requirement("speed.initialize", "quality", section=_SECTION)
async def initialize(stage: Stage) -> int:
    """The time from starting the process to the answer to `initialize`."""
    own: list[float] = []
    reference: list[float] = []
    for _ in range(_ROUNDS):
        for times, start in ((own, stage.ready), (reference, stage.start_reference)):
            began = time.monotonic()
            await start()
            times.append(time.monotonic() - began)
    return _tell(stage, min(own), min(reference))


@requirement("speed.first-word", "quality", section=_SECTION)
async def first_word(stage: Stage) -> int:
    """The time from a prompt to the first word of the answer."""

    async def measure(session: Session) -> float:
        since = len(session.agent.log)
        await session.turn(say("hello there"))
        first = _time_of(session, "agent_message_chunk", since)
        return first - session.agent.log[since].at

    return await _compared(stage, measure)


@requirement("speed.many-words", "quality", section=_SECTION)
async def many_words(stage: Stage) -> int:
    """The time a long answer takes, from the prompt to its end."""
    words = " ".join(f"word{number}" for number in range(_N_WORDS))

    async def measure(session: Session) -> float:
        since = len(session.agent.log)
        await session.turn(say(words))
        _time_of(session, "agent_message_chunk", since)
        return session.agent.log[-1].at - session.agent.log[since].at

    return await _compared(stage, measure)


@requirement("speed.cancel", "quality", section=_SECTION)
async def cancel(stage: Stage) -> int:
    """The time from a cancel to the end of the turn."""

    async def measure(session: Session) -> float:
        prompt = await session.begin(Step("wait", "working"))
        await session.running(prompt)
        asked = len(session.agent.log)
        await session.cancel()
        answer = await session.agent.answer(prompt)
        log = session.agent.log
        return log[session.agent.position_of(answer)].at - log[asked].at

    return await _compared(stage, measure)


@requirement("speed.exit", "quality", section=_SECTION)
async def exit_(stage: Stage) -> int:
    """The time from the end of stdin to the end of the process."""

    async def measure(agent: AgentProcess) -> float:
        began = time.monotonic()
        await agent.close_input()
        if await agent.wait_exit(stage.exit_time) is None:
            raise Inconclusive(f"it still runs {stage.exit_time:g} s later")
        return time.monotonic() - began

    session, reference = await stage.session(), await stage.start_reference()
    return _tell(stage, await measure(session.agent), await measure(reference))


def _time_of(session: Session, kind: str, since: int) -> float:
    for line in session.agent.log[since:]:
        if line.sender == "agent" and line.frame is not None and session.is_update(line.frame, kind):
            return line.at
    session.need_script()
    raise Inconclusive(f"saw no `{kind}`")


REQUIREMENTS = (initialize, first_word, many_words, cancel, exit_)
