"""A client that is slow, and characters that are rare."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.reach import at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, prompt_params, prompt_text, say, text_block
from acp_agent.conformance.verdicts import Inconclusive, expect

_STDIO = "Transports > stdio"
_N_WORDS = 1500
_LONG_WORD = "x" * 80


@requirement("robust.slow-reader", "MUST", section=_STDIO)
async def slow_reader(stage: Stage) -> int:
    """A client that does not read for a while misses nothing."""
    session = await stage.session()
    words = " ".join(f"{_LONG_WORD}{number}" for number in range(_N_WORDS))
    session.agent.stop_reading()
    prompt = await session.begin(say(words))
    await session.agent.wait_exit(2 * QUIET)
    session.agent.read_on()
    reason = await session.finish(prompt)
    session.need_script()
    _went_through(reason)
    expect(reason == "end_turn", f"the stop reason is `{reason}`")
    said = session.text()
    expect(not said or said.count(words) == 1, f"{len(said)} of {len(words)} characters came")
    return len(said)


@requirement("robust.slow-reader-cancels", "SHOULD", section=_STDIO)
async def slow_reader_cancels(stage: Stage) -> int:
    """An agent whose client does not read still reads: a cancel gets through."""
    session = await stage.session()
    words = " ".join(f"{_LONG_WORD}{number}" for number in range(_N_WORDS))
    session.agent.stop_reading()
    prompt = await session.begin(Step("wait", words))
    await session.agent.wait_exit(QUIET)
    for _ in range(3):
        await session.agent.notify("_conformance/padding", {"text": "x" * 100_000})
    await session.cancel()
    session.agent.read_on()
    reason = await session.finish(prompt)
    if reason != "cancelled":
        session.need_script()
    _went_through(reason)
    expect(reason == "cancelled", f"the stop reason is `{reason}`")
    return 1


def _went_through(reason: str) -> None:
    """Go on if the agent did not take the long answer for a model that repeats itself."""
    if reason == "max_turn_requests":
        raise Inconclusive("the agent gave up on the long answer")


async def _survives(stage: Stage, *lines: bytes) -> int:
    """How many of these lines an agent got over."""
    agent = await stage.ready()
    for line in lines:
        await agent.write(line + b"\n")
    await stage.open(agent)
    return len(lines)


@requirement("robust.byte-order-mark", "quality", section=_STDIO)
async def byte_order_mark(stage: Stage) -> int:
    """A byte order mark does not end the conversation."""
    return await _survives(stage, b'\xef\xbb\xbf{"jsonrpc": "2.0", "method": "_conformance/marked"}')


@requirement("robust.lone-surrogate", "quality", section=_STDIO)
async def lone_surrogate(stage: Stage) -> int:
    """Half a surrogate pair, which JSON can escape and UTF-8 cannot hold, does not end the conversation."""
    session = await stage.session()
    await session.ends_well(say("hello"), which="the first prompt")
    raw = jsontext.dump(
        {
            "jsonrpc": "2.0",
            "id": "half",
            "method": "session/prompt",
            "params": prompt_params(session.id, text_block("HALF"), text_block(prompt_text((say("hello"),)))),
        }
    )
    await session.agent.write(raw.replace(b"HALF", b"\\ud800") + b"\n")
    await session.agent.seen(
        lambda frame: "method" not in frame and frame.get("id", "") in ("half", None),
        "answer, or error with the id null",
    )
    await stage.open(session.agent)
    return 1


@requirement("robust.same-member-twice", "quality", section=_STDIO)
async def same_member_twice(stage: Stage) -> int:
    """A member that is there twice does not end the conversation."""
    return await _survives(
        stage, b'{"jsonrpc": "2.0", "method": "_conformance/a", "method": "_conformance/b"}'
    )


@requirement("robust.numbers", "quality", section=_STDIO)
async def numbers(stage: Stage) -> int:
    """Numbers of any size do not end the conversation."""
    huge = b"9" * 400
    return await _survives(
        stage,
        b'{"jsonrpc": "2.0", "method": "_conformance/a", "params": {"n": ' + huge + b"}}",
        b'{"jsonrpc": "2.0", "method": "_conformance/a", "params": {"n": 1e999}}',
    )


@requirement("framing.control-characters", "MUST", section=_STDIO)
async def control_characters(stage: Stage) -> int:
    """Line breaks and control characters in text go through, as escapes, and break no line."""
    session = await stage.session()
    text = "a\tb\r\nc\u0007d\u2028e\u0085f end"
    await session.turn(say(text))
    session.need_script()
    bad = [line.raw for line in session.agent.log if line.sender == "agent" and line.frame is None]
    expect(not bad, f"a line is no message: {bad[0][:200] if bad else b''!r}")
    said = session.text()
    if "end" in said:
        expect("\u2028e\u0085f end" in said and "a\tb" in said, f"the text came out as {said!r}")
    return "end" in said


@requirement("robust.unknown-block", "SHOULD", section="Content")
async def unknown_block(stage: Stage) -> int:
    """A content block of a kind the agent does not know is answered, with an error or not, and no more."""
    session = await stage.session()
    await session.ends_well(say("hello"), which="the first prompt")
    block: JsonObject = {"type": "conformance-unknown", "data": 1}
    await session.agent.ask("session/prompt", prompt_params(session.id, block, text_block("hello")))
    await session.ends_well(say("hello"), which="the next prompt")
    return 1


@requirement("robust.empty-prompt", "SHOULD", section="Prompt turn")
async def empty_prompt(stage: Stage) -> int:
    """A prompt without a block is answered, with an error or not, and no more."""
    session = await stage.session()
    await session.ends_well(say("hello"), which="the first prompt")
    await session.agent.ask("session/prompt", prompt_params(session.id))
    await session.ends_well(say("hello"), which="the next prompt")
    return 1


@requirement("robust.torn-line", "SHOULD", section=_STDIO)
async def torn_line(stage: Stage) -> int:
    """An agent whose stdin ends in the middle of a line exits."""
    session: Session = await stage.session()
    await session.agent.write(b'{"jsonrpc": "2.0", "id": 99, "method": "session/n')
    await session.agent.close_input()
    code = await session.agent.wait_exit(stage.exit_time)
    expect(code is not None, f"it still runs {stage.exit_time:g} s later")
    answered = [at(frame, "result") for frame in session.agent.frames() if text_at(frame, "id") == "99"]
    expect(not answered, "half a request was answered")
    return 1


REQUIREMENTS = (
    slow_reader,
    slow_reader_cancels,
    byte_order_mark,
    lone_surrogate,
    same_member_twice,
    numbers,
    control_characters,
    unknown_block,
    empty_prompt,
    torn_line,
)
