"""Several things at a time: sessions, prompts, questions."""

from __future__ import annotations

from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import expect

_SESSIONS = "Session setup"
_N_SESSIONS = 8


@requirement("concurrent.two-turns", "MUST", section=_SESSIONS)
async def two_turns(stage: Stage) -> int:
    """Turns of two sessions run side by side, and each says its own words to its own session."""
    first = await stage.session()
    second = await stage.open(first.agent)
    prompts = [await first.begin(say("alpha alpha")), await second.begin(say("beta beta"))]
    for session, prompt in zip((first, second), prompts, strict=True):
        reason = await session.finish(prompt)
        expect(reason == "end_turn", f"the stop reason of a turn is `{reason}`")
    said = (first.text(), second.text())
    expect("beta" not in said[0] and "alpha" not in said[1], f"the sessions said {said}")
    return bool(said[0]) + bool(said[1])


@requirement("concurrent.turn-blocks-nothing", "SHOULD", section=_SESSIONS)
async def turn_blocks_nothing(stage: Stage) -> int:
    """While a turn runs, other requests are served."""
    session = await stage.session()
    prompt = await session.begin(Step("wait", "working"))
    await session.running(prompt)
    other = await stage.open(session.agent)
    await other.ends_well(say("hello"), which="a turn beside it")
    await session.cancel()
    await session.agent.answer(prompt)
    return 1


@requirement("concurrent.question-blocks-nothing", "SHOULD", section="Tool calls > Requesting permission")
async def question_blocks_nothing(stage: Stage) -> int:
    """While the user of one session is asked, another session goes on."""
    session = await stage.session(permission="never")
    prompt = await session.begin(Step("write", "x\n", str(session.file("out.txt"))))
    await session.asked(prompt)
    other = await stage.open(session.agent)
    await other.ends_well(say("hello"), which="a turn beside it")
    return 1


@requirement("concurrent.many-sessions", "quality", section=_SESSIONS)
async def many_sessions(stage: Stage) -> int:
    """Eight sessions prompted at once all answer, each with its own words."""
    first = await stage.session()
    sessions = [first, *[await stage.open(first.agent) for _ in range(_N_SESSIONS - 1)]]
    prompts = [await session.begin(say(f"<{number}>")) for number, session in enumerate(sessions)]
    for session, prompt in zip(sessions, prompts, strict=True):
        await session.finish(prompt)
    said = [session.text() for session in sessions]
    if not any(said):
        return 0
    first.need_script()
    for number, words in enumerate(said):
        expect(words.count("<") == 1 and f"<{number}>" in words, f"session {number} said {words!r}")
    return len(said)


@requirement("concurrent.second-prompt", "MUST", section="Prompt turn")
async def second_prompt(stage: Stage) -> int:
    """A prompt sent while a turn of its session runs is answered too, well or with an error."""
    session = await stage.session()
    first = await session.begin(Step("wait", "working"))
    await session.running(first)
    second = await session.begin(say("second"))
    await session.cancel()
    await session.agent.answer(first)
    await session.agent.answer(second)
    await session.ends_well(say("third"), which="the next prompt")
    return 2


REQUIREMENTS = (
    two_turns,
    turn_blocks_nothing,
    question_blocks_nothing,
    many_sessions,
    second_prompt,
)
