"""Bad lines, odd lines, large lines."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess
from acp_agent.conformance.reach import at, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.steps import say, text_block
from acp_agent.conformance.verdicts import expect

_SECTION = "Transports > stdio"
_RPC = "JSON-RPC 2.0 > Error object"
_CODES = (-32700, -32600)
_LATEST = 2.0


async def _told(stage: Stage, line: bytes) -> tuple[AgentProcess, JsonObject]:
    """An agent that got this line, and its answer with the id null."""
    agent = await stage.ready()
    await agent.write(line + b"\n")
    await agent.ask("conformance/fence", {})  # who has answered this will answer the line at once or never
    found = await agent.seen(
        lambda frame: "method" not in frame and frame.get("id") is None,
        "error for a bad line",
        patience=min(_LATEST, agent.patience),
    )
    return agent, found


async def _survives(stage: Stage, line: bytes) -> int:
    agent = await stage.ready()
    await agent.write(line + b"\n")
    await stage.open(agent)
    return 1


@requirement(
    "robust.bad-json",
    "MUST",
    section=_RPC,
)
async def bad_json(stage: Stage) -> int:
    """A line that is no JSON does not end the conversation."""
    return await _survives(stage, b'{"jsonrpc": "2.0", "id": 1, "method": ')


@requirement(
    "robust.bad-json-told",
    "SHOULD",
    section=_RPC,
)
async def bad_json_told(stage: Stage) -> int:
    """A line that is no JSON is answered with -32700 and the id null."""
    _, answer = await _told(stage, b"{nonsense")
    expect(at(answer, "error", "code") == -32700, f"answered {jsontext.dump_text(answer)[:300]}")
    return 1


@requirement(
    "robust.not-utf-8",
    "MUST",
    section=_SECTION,
)
async def not_utf8(stage: Stage) -> int:
    """A line that is not UTF-8 does not end the conversation."""
    return await _survives(stage, b'{"jsonrpc": "2.0", "method": "\xff\xfe", "params": {}}')


@requirement(
    "robust.array",
    "MUST",
    section=_RPC,
)
async def array(stage: Stage) -> int:
    """An array, which the protocol does not know as a batch, does not end the conversation."""
    return await _survives(stage, b'[{"jsonrpc": "2.0", "id": 1, "method": "session/list"}]')


@requirement(
    "robust.invalid-request-told",
    "SHOULD",
    section=_RPC,
)
async def invalid_request_told(stage: Stage) -> int:
    """A message that is no request is answered with -32600 and the id null."""
    _, answer = await _told(stage, b"[]")
    expect(at(answer, "error", "code") in _CODES, f"answered {jsontext.dump_text(answer)[:300]}")
    return 1


@requirement(
    "robust.stray-response",
    "MUST",
    section=_RPC,
)
async def stray_response(stage: Stage) -> int:
    """A response to nothing does not end the conversation, and is not answered."""
    agent = await stage.ready()
    await agent.send({"jsonrpc": "2.0", "id": 4711, "result": {}})
    await stage.open(agent)
    answered = [frame for frame in agent.frames() if "method" not in frame and frame.get("id") == 4711]
    expect(not answered, "a response was answered")
    return 1


@requirement(
    "robust.blank-lines",
    "quality",
    section=_SECTION,
)
async def blank_lines(stage: Stage) -> int:
    """Blank lines do not end the conversation."""
    return await _survives(stage, b"\n  ")


@requirement(
    "robust.deep-nesting",
    "quality",
    section=_SECTION,
)
async def deep_nesting(stage: Stage) -> int:
    """A line nested ten thousand deep does not end the conversation."""
    deep = (
        b'{"jsonrpc":"2.0","method":"_conformance/deep","params":{"a":'
        + b"[" * 10_000
        + b"]" * 10_000
        + b"}}"
    )
    return await _survives(stage, deep)


@requirement(
    "robust.split-writes",
    "MUST",
    section=_SECTION,
)
async def split_writes(stage: Stage) -> int:
    """A line that comes in pieces, cut inside a character, is one line."""
    agent = await stage.ready()
    params = {**stage.new_params(), "_meta": {"example.com/name": "Grüße 🎉"}}
    line = jsontext.dump({"jsonrpc": "2.0", "id": "split", "method": "session/new", "params": params}) + b"\n"
    await agent.write_split(line, 1, line.index("🎉".encode()) + 2, len(line) - 1)
    await agent.answer("split")
    return 1


@requirement(
    "robust.joined-writes",
    "MUST",
    section=_SECTION,
)
async def joined_writes(stage: Stage) -> int:
    """Lines that come in one piece are all served."""
    agent = await stage.ready()
    lines = [
        jsontext.dump(
            {"jsonrpc": "2.0", "id": f"joined-{n}", "method": "session/new", "params": stage.new_params()}
        )
        for n in range(5)
    ]
    await agent.write(b"\n".join(lines) + b"\n")
    ids = {text_at(await agent.answer(f"joined-{n}"), "result", "sessionId") for n in range(5)}
    expect(len(ids) == 5, f"five sessions have the ids {sorted(ids)}")
    return 5


@requirement(
    "robust.large-line",
    "MUST",
    section=_SECTION,
)
async def large_line(stage: Stage) -> int:
    """A prompt of a mebibyte is taken."""
    session = await stage.session()
    prompt = await session.begin(say("large"), before=(text_block("x" * 1024 * 1024),))
    expect(bool(await session.finish(prompt)), "there is no stop reason")
    session.need_script()
    return 1


@requirement(
    "robust.crlf",
    "quality",
    section=_SECTION,
)
async def crlf(stage: Stage) -> int:
    """A carriage return before the newline does no harm."""
    agent = await stage.ready()
    frame: JsonObject = {
        "jsonrpc": "2.0",
        "id": "crlf",
        "method": "session/new",
        "params": stage.new_params(),
    }
    await agent.write(jsontext.dump(frame) + b"\r\n")
    response = await agent.answer("crlf")
    expect("result" in response, f"answered {jsontext.dump_text(response)[:300]}")
    return 1


REQUIREMENTS = (
    bad_json,
    bad_json_told,
    not_utf8,
    array,
    invalid_request_told,
    stray_response,
    blank_lines,
    deep_nesting,
    split_writes,
    joined_writes,
    large_line,
    crlf,
)
