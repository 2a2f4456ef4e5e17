"""Lines, JSON-RPC envelopes and the schema."""

from __future__ import annotations

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess, RequestId
from acp_agent.conformance.judging import judge
from acp_agent.conformance.reach import at, has, text_at
from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.session import Session
from acp_agent.conformance.stage import QUIET, Stage
from acp_agent.conformance.steps import Step, say
from acp_agent.conformance.verdicts import Broken, expect

_TRANSPORT = "Transports > stdio"
_RPC = "JSON-RPC 2.0"


async def eventful(stage: Stage) -> Session:
    """A session in which a file was written, another read, and an unknown method asked for."""
    session = await stage.session()
    session.file("in.txt", "some text\n")
    await session.turn(
        Step("write", "hello\n", str(session.file("out.txt"))),
        Step("read", path=str(session.file("in.txt"))),
        say("that is all"),
    )
    await session.agent.ask("conformance/unknown", {})
    return session


async def _varied(stage: Stage) -> Session:
    """The same, and then a command, a plan and a thought: more kinds of messages."""
    session = await eventful(stage)
    await session.turn(Step("run", "echo hello"), Step("plan", "work"), Step("think", "about it"))
    return session


@requirement(
    "framing.json-lines",
    "MUST",
    section=_TRANSPORT,
    aliases=("ACP-TRANSPORT-001",),
)
async def json_lines(stage: Stage) -> int:
    """Each line on stdout is one JSON-RPC 2.0 message and nothing else."""
    session = await eventful(stage)
    lines = [line for line in session.agent.log if line.sender == "agent"]
    for line in lines:
        expect(line.frame is not None, f"a line is no message: {line.problem}: {line.raw[:200]!r}")
        expect(at(line.frame, "jsonrpc") == "2.0", f"a message without `jsonrpc`: {line.raw[:200]!r}")
    return len(lines)


@requirement(
    "framing.utf-8",
    "MUST",
    section=_TRANSPORT,
    aliases=("ACP-TRANSPORT-002",),
)
async def utf8(stage: Stage) -> int:
    """Text of any script goes through unharmed, as UTF-8, however it is cut into chunks."""
    session = await stage.session()
    await session.turn(say("Grüße 日本語 🎉 e\u0301 \u2028 end"))
    session.need_script()
    said = session.text()
    for line in session.agent.log:
        try:
            line.raw.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise Broken(f"a line is not UTF-8: {line.raw[:200]!r}") from exc
    if "end" in said:
        expect("Grüße 日本語 🎉 e\u0301 \u2028 end" in said, f"the text came out as {said!r}")
    return "end" in said


@requirement(
    "rpc.ids-echoed",
    "MUST",
    section=_RPC,
    aliases=("ACP-JSONRPC-001",),
)
async def ids_echoed(stage: Stage) -> int:
    """A response carries the id of its request, of the same type."""
    agent = await stage.ready()
    ids: tuple[RequestId, ...] = (0, -7, 2**53 - 1, "seven", "7", "", "päth/🎉")
    for id in ids:
        await agent.request("session/new", stage.new_params(), id=id)
        await agent.answer(id)
    return len(ids)


@requirement(
    "rpc.result-or-error",
    "MUST",
    section=_RPC,
    aliases=("ACP-JSONRPC-002",),
)
async def result_or_error(stage: Stage) -> int:
    """A response has a result or an error, not both; an error has an integer code and a message."""
    session = await eventful(stage)
    responses = [frame for frame in session.agent.frames() if "method" not in frame]
    for frame in responses:
        shown = jsontext.dump_text(frame)[:300]
        expect(("result" in frame) != ("error" in frame), f"not one of result and error: {shown}")
        if "error" in frame:
            code = at(frame, "error", "code")
            expect(isinstance(code, int) and not isinstance(code, bool), f"no integer code: {shown}")
            expect(isinstance(at(frame, "error", "message"), str), f"no message: {shown}")
    return len(responses)


@requirement(
    "rpc.answered-once",
    "MUST",
    section=_RPC,
)
async def answered_once(stage: Stage) -> int:
    """Every request gets exactly one response, and nothing else does."""
    session = await eventful(stage)
    await _settle(session.agent)
    asked = [frame["id"] for frame in session.agent.frames("client") if "method" in frame and "id" in frame]
    answered = [frame.get("id") for frame in session.agent.frames() if "method" not in frame]
    for id in answered:
        expect(id in asked, f"an answer to id {id!r}, which no request has")
    for id in asked:
        expect(answered.count(id) == 1, f"the request {id!r} has {answered.count(id)} answers")
    return len(asked)


@requirement(
    "rpc.no-answer-to-notifications",
    "MUST",
    section=_RPC,
    aliases=("ACP-JSONRPC-003",),
)
async def no_answer_to_notifications(stage: Stage) -> int:
    """Notifications, known or not, are never answered."""
    session = await stage.session()
    before = len(session.agent.log)
    await session.cancel()
    await session.agent.notify("session/cancel", {"sessionId": "conformance-nobody"})
    await session.agent.notify("conformance/unknown", {})
    await session.agent.notify("_conformance/unknown", {})
    id = await session.agent.request("conformance/fence", {})
    await session.agent.answer(id)
    await _settle(session.agent)
    for line in session.agent.log[before:]:
        frame = line.frame
        if line.sender == "agent" and frame is not None and "method" not in frame:
            expect(frame.get("id") == id, f"a notification was answered: {jsontext.dump_text(frame)}")
    return 4


@requirement(
    "rpc.unknown-method",
    "SHOULD",
    section="Extensibility > Custom requests",
    aliases=("ACP-JSONRPC-004",),
)
async def unknown_method(stage: Stage) -> int:
    """An unknown method is answered with -32601."""
    agent = await stage.ready()
    response = await agent.ask("conformance/unknown", {"a": 1})
    expect(at(response, "error", "code") == -32601, f"answered {jsontext.dump_text(response)[:300]}")
    return 1


@requirement(
    "rpc.usable-after-error",
    "SHOULD",
    section=_RPC,
    aliases=("ACP-JSONRPC-005",),
)
async def usable_after_error(stage: Stage) -> int:
    """After an error the connection goes on."""
    agent = await stage.ready()
    first = await agent.ask("session/prompt", {"sessionId": 7})
    second = await agent.ask("conformance/unknown", {})
    await stage.open(agent)
    return ("error" in first) + ("error" in second)


@requirement(
    "rpc.invalid-params",
    "SHOULD",
    section=_RPC,
)
async def invalid_params(stage: Stage) -> int:
    """Params that do not fit are answered with -32602."""
    agent = await stage.ready()
    wrong: tuple[JsonObject, ...] = ({"mcpServers": []}, {"cwd": 7, "mcpServers": []})
    for params in wrong:
        response = await agent.ask("session/new", params)
        expect(at(response, "error", "code") == -32602, f"answered {jsontext.dump_text(response)[:300]}")
    return len(wrong)


@requirement(
    "rpc.own-ids-unique",
    "MUST",
    section=_RPC,
)
async def own_ids_unique(stage: Stage) -> int:
    """No two open requests of the agent have the same id."""
    session = await stage.session(offer={"fs": {"readTextFile": True, "writeTextFile": True}})
    for number in (1, 2):
        await session.turn(Step("write", "x\n", str(session.file(f"{number}.txt"))))
    is_open: set[bytes] = set()
    n_judged = 0
    for line in session.agent.log:
        frame = line.frame or {}
        key = jsontext.dump(frame.get("id"))
        if line.sender == "agent" and "method" in frame and "id" in frame:
            expect(key not in is_open, f"id {key.decode()} is used twice")
            is_open.add(key)
            n_judged += 1
        elif line.sender == "client" and "method" not in frame:
            is_open.discard(key)
    return n_judged


@requirement(
    "schema.valid",
    "MUST",
    section="Schema",
    aliases=("ACP-SCHEMA-001",),
)
async def schema_valid(stage: Stage) -> int:
    """Every message fits the schema of the protocol."""
    session = await _varied(stage)
    found, n_judged = judge(session.agent.log, "agent")
    expect(not found, "; ".join(found[:5]))
    return n_judged


@requirement(
    "schema.no-surplus",
    "SHOULD",
    section="Extensibility",
    aliases=("ACP-SCHEMA-002",),
)
async def no_surplus(stage: Stage) -> int:
    """Messages have no members the specification does not define, besides `_meta`."""
    session = await _varied(stage)
    found, n_judged = judge(session.agent.log, "agent", strict=True)
    surplus = [problem for problem in found if problem.endswith("unknown key")]
    expect(not surplus, "; ".join(surplus[:5]))
    return n_judged


@requirement(
    "schema.no-nulls",
    "quality",
    section="Schema",
)
async def no_nulls(stage: Stage) -> int:
    """Optional members that have no value are left out and not written as null."""
    session = await _varied(stage)
    found, n_judged = judge(session.agent.log, "agent", strict=True)
    nulls = [problem for problem in found if problem.endswith("leave it out")]
    expect(not nulls, "; ".join(nulls[:5]))
    return n_judged


@requirement(
    "rpc.error-messages",
    "SHOULD",
    section=_RPC,
    aliases=("ACP-ERROR-001",),
)
async def error_messages(stage: Stage) -> int:
    """Error messages are one short line."""
    agent = await stage.ready()
    await agent.ask("conformance/unknown", {})
    await agent.ask("session/new", {})
    await agent.ask("session/prompt", {"sessionId": "conformance-nobody", "prompt": []})
    errors = [text_at(frame, "error", "message") for frame in agent.frames() if has(frame, "error")]
    for message in errors:
        expect(bool(message) and "\n" not in message, f"not one line: {message!r}")
    return len(errors)


async def _settle(agent: AgentProcess) -> None:
    """Give what should not come the time to come."""
    await agent.wait_exit(QUIET)


REQUIREMENTS = (
    json_lines,
    utf8,
    ids_echoed,
    result_or_error,
    answered_once,
    no_answer_to_notifications,
    unknown_method,
    usable_after_error,
    invalid_params,
    own_ids_unique,
    error_messages,
    schema_valid,
    no_surplus,
    no_nulls,
)
