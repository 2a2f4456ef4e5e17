"""Bad lines, big lines, stray output, and every way a conversation can end, over real streams."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from acp_agent.base.jsontext import dump_text
from tests.interop.stage import (
    COMMAND,
    PATIENCE,
    Frame,
    FrameValidator,
    Lifeline,
    RawClient,
    Stage,
    prompt_params,
)

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

PARSE, INVALID, NO_METHOD, PARAMS = -32700, -32600, -32601, -32602


def request(method: Any, params: Any = None, request_id: Any = 1, **more: Any) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params, **more}
    ).encode()


ANSWERED: list[tuple[bytes, int]] = [
    (b"{", PARSE),
    (b"hello", PARSE),
    (b"{'jsonrpc': '2.0'}", PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x"', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x"}}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x"}{"jsonrpc":"2.0","id":2,"method":"x"}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":Infinity}}', PARSE),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1e999}}', PARSE),
    (b"[" * 100_000, PARSE),
    (b"[" * 5000 + b"]" * 5000, PARSE),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, PARSE),
    (b"\x00", PARSE),
    (b"1", INVALID),
    (b'"x"', INVALID),
    (b"true", INVALID),
    (b"null", INVALID),
    (b"[]", INVALID),
    (b"[1]", INVALID),
    (b"[" + request("session/list", {}) + b"]", INVALID),
    (b"{}", INVALID),
    (b'{"jsonrpc":"2.0","id":1}', INVALID),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID),
    (b'{"jsonrpc":"2.0","id":1,"method":null}', INVALID),
    (b'{"jsonrpc":"1.0","id":1,"method":"session/list"}', INVALID),
    (b'{"id":1,"method":"session/list"}', INVALID),
    (b'{"jsonrpc":2.0,"id":1,"method":"session/list"}', INVALID),
    (b'{"jsonrpc":"2.0","id":{},"method":"session/list"}', INVALID),
    (b'{"jsonrpc":"2.0","id":[1],"method":"session/list"}', INVALID),
    (b'{"jsonrpc":"2.0","id":true,"method":"session/list"}', INVALID),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"session/list"}', INVALID),
    (request("no/such/method", {}), NO_METHOD),
    (request("", {}), NO_METHOD),
    (request("_vendor/extension", {}), NO_METHOD),
    (request("fs/read_text_file", {"path": "/etc/passwd"}), NO_METHOD),
    (request("session/update", {}), NO_METHOD),
    (request("__class__", {}), NO_METHOD),
    (request("rpc.discover", {}), NO_METHOD),
    (request("session/new", {}), PARAMS),
    (request("session/new", {"cwd": 7, "mcpServers": []}), PARAMS),
    (request("session/new", {"cwd": "/", "mcpServers": [{"name": "x"}]}), PARAMS),
    (request("session/new", {"cwd": "/", "mcpServers": "x"}), PARAMS),
    (request("session/prompt", {"sessionId": 7, "prompt": []}), PARAMS),
    (request("session/prompt", {"sessionId": "x", "prompt": "hi"}), PARAMS),
    (request("session/prompt", {"sessionId": "x", "prompt": [{"type": "no such"}]}), PARAMS),
    (request("session/prompt", {"sessionId": "x", "prompt": [{"text": "no type"}]}), PARAMS),
    (request("session/load", {"sessionId": "x", "mcpServers": []}), PARAMS),
    (request("session/list", {"cwd": "relative"}), PARAMS),
    (request("session/set_mode", {"sessionId": "x"}), PARAMS),
    (request("authenticate", {}), PARAMS),
]

SILENT: list[bytes] = [
    b"",
    b"   \t ",
    b"\r",
    b'{"jsonrpc":"2.0","method":"no/such/notification"}',
    b'{"jsonrpc":"2.0","method":"session/cancel"}',
    b'{"jsonrpc":"2.0","method":"session/cancel","params":[]}',
    b'{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":7}}',
    b'{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"nobody"}}',
    b'{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":999}}',
    b'{"jsonrpc":"2.0","method":"$/cancel_request"}',
    b'{"jsonrpc":"2.0","method":"session/prompt","params":{"sessionId":"x","prompt":[]}}',
    b'{"jsonrpc":"2.0","id":999,"result":{}}',
    b'{"jsonrpc":"2.0","id":"nobody","error":{"code":1,"message":"x"}}',
    b'{"jsonrpc":"2.0","id":null,"result":null}',
]


async def test_every_bad_line_gets_its_error_and_the_next_line_is_served(stage: Stage) -> None:
    client = await stage.raw()
    client.agent.polite_client = False
    for number, (line, code) in enumerate(ANSWERED):
        start = len(client.agent.log)
        if line.startswith(b'{"jsonrpc": "2.0", "id": 1, "method"'):  # opens a request in the judge's books
            await client.agent.write(json.loads(line))
        else:
            await client.agent.write(line + b"\n")
        probe = await client.request("session/list", {}, request_id=f"probe {number}")
        answer = await client.agent.seen(lambda frame: "error" in frame, after=start)
        assert (line[:80], answer["error"]["code"]) == (line[:80], code)
        assert "result" in await client.response(probe, after=start)
    # Errors of lines the judge never saw carry ids that it does not know.
    client.agent.validator.problems[:] = [
        problem for problem in client.agent.validator.problems if "which no open request has" not in problem
    ]
    await client.probe(stage.cwd)


async def test_what_is_not_to_be_answered_is_not(stage: Stage) -> None:
    client = await stage.raw()
    start = len(client.agent.log)
    for line in SILENT:
        await client.agent.write(line + b"\n")
    await client.response(await client.request("session/list", {}), after=start)
    await client.probe(stage.cwd)
    answers = [
        line.frame
        for line in client.agent.log[start:]
        if line.sender == "agent" and "method" not in line.frame
    ]
    assert [answer for answer in answers if not str(answer["id"]).startswith("raw-")] == []


async def test_answers_carry_the_ids_as_they_came(stage: Stage) -> None:
    client = await stage.raw()
    for request_id in (0, -1, 2**53, "", "1", "é\u2028", "x" * 1000):
        await client.request("session/list", {}, request_id=request_id)
        assert (await client.response(request_id))["id"] == request_id


async def test_lines_may_come_in_pieces_and_with_any_line_end(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    client.agent.validator.feed("client", request("initialize", {"protocolVersion": 1}))
    client.agent.validator.feed("client", request("session/list", {}, 2))
    line = (
        b"\xef\xbb\xbf"
        + request("initialize", {"protocolVersion": 1})
        + b"\r\n"
        + request("session/list", {}, 2)
        + b"\n"
    )
    for start in range(0, len(line), 7):
        await client.agent.write(line[start : start + 7])
    assert "result" in await client.response(1)
    assert "result" in await client.response(2)


async def test_characters_that_end_lines_elsewhere_are_text(stage: Stage) -> None:
    await stage.model("say: {prompt}")
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x00g\x1b[31mh\U0001f600i"
    await client.response(await client.prompt(session_id, text))
    said = [update["content"]["text"] for update in client.agent.updates(session_id, "agent_message_chunk")]
    assert "".join(said) == text


async def test_five_megabytes_pass_both_ways(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor("say: {prompt}")
    session = await editor.open()
    text = "5" * 5_000_000
    assert await session.ask(text) == "end_turn"
    assert session.text() == text


async def test_a_line_over_the_limit_is_refused_and_skipped(stage: Stage) -> None:
    stage.env["ACP_AGENT_MAX_FRAME_MIB"] = "1"
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    start = len(client.agent.log)
    await client.agent.write(json.dumps(prompt_params(session_id, "x" * 2_000_000)).encode() + b"\n")
    refused = await client.agent.seen(lambda frame: "error" in frame, after=start)
    assert (refused["id"], refused["error"]["code"]) == (None, INVALID)
    await client.probe(stage.cwd)


POLLUTER = """\
import os, sys, threading
def pollute():
    while "acp_agent.server.opening" not in sys.modules:  # loaded once the wire is claimed
        pass
    while True:
        print("stray print", flush=True)
        os.write(1, b"stray write\\n")
        os.system("echo stray child")
threading.Thread(target=pollute, daemon=True).start()
sys.argv = ["acp-agent"]
from acp_agent.__main__ import main
main()
"""


async def test_stray_output_never_reaches_the_wire(stage: Stage) -> None:
    await stage.model('call: bash {"command": "echo from the command; echo x >&2"}\n---\nsay: done')
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = RawClient(await stage.agent(sys.executable, "-c", POLLUTER))
    await client.initialize()
    session_id = await client.open(stage.cwd)
    answer = await client.response(await client.prompt(session_id, "run"))
    assert answer["result"] == {"stopReason": "end_turn"}


BUSY: dict[str, str] = {
    "the model stalls": "wait",
    "an answer streams": "say: begun\nwait",
    "a command runs": "",
    "a question waits": 'call: write {"path": "x", "content": "y"}',
}


async def busy(stage: Stage, lifeline: Lifeline, what: str) -> RawClient:
    """A client whose agent is in the middle of a turn."""
    command = lifeline.hold + "sleep 600 & sleep 600"
    await stage.model(BUSY[what] or f"call: bash {dump_text({'command': command})}")
    stage.env["ACP_AGENT_MODE"] = "accept-edits" if what == "a command runs" else "ask"
    client = await stage.raw()
    client.agent.may_leave_unanswered = True
    session_id = await client.open(stage.cwd)
    if what == "a command runs":
        await client.ask("session/set_mode", {"sessionId": session_id, "modeId": "auto"})
    await client.prompt(session_id, "go")
    match what:
        case "a command runs":
            await lifeline.wait_held()
        case "a question waits":
            await client.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
        case "an answer streams":
            await client.agent.seen(lambda frame: "agent_message_chunk" in str(frame))
        case _:
            await client.agent.seen(lambda frame: "session_info_update" in str(frame))
    return client


async def assert_cancelled_in_store(stage: Stage, client: RawClient) -> None:
    """The turn's end was stored: a new agent loads the session and answers in it."""
    later = await stage.raw()
    [entry] = (await later.ask("session/list", {}))["result"]["sessions"]
    session_id = entry["sessionId"]
    params: Frame = {"sessionId": session_id, "cwd": str(stage.cwd), "mcpServers": []}
    assert "result" in await later.ask("session/load", params)
    replayed = [update["sessionUpdate"] for update in later.agent.updates(session_id)]
    seen = [update["sessionUpdate"] for update in client.agent.updates(session_id)]
    assert set(seen) - set(replayed) == set()


@pytest.mark.parametrize("what", BUSY)
async def test_the_end_of_input_in_a_turn_ends_everything(
    stage: Stage, lifeline: Lifeline, what: str
) -> None:
    client = await busy(stage, lifeline, what)
    await client.agent.close_input()
    assert await client.agent.wait_exit() == 0
    if what == "a command runs":
        await lifeline.wait_gone()
    await assert_cancelled_in_store(stage, client)


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
async def test_a_signal_ends_an_idle_agent(stage: Stage, name: str) -> None:
    client = await stage.raw()
    await client.probe(stage.cwd)
    client.agent.process.send_signal(signal.Signals[name])
    assert await client.agent.wait_exit() == 0


async def test_terminating_the_agent_in_a_command_ends_everything(stage: Stage, lifeline: Lifeline) -> None:
    client = await busy(stage, lifeline, "a command runs")
    client.agent.process.terminate()
    assert await client.agent.wait_exit() == 0
    await lifeline.wait_gone()
    await assert_cancelled_in_store(stage, client)


async def test_an_idle_agent_ends_with_its_input(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    await client.agent.close_input()
    assert await client.agent.wait_exit() == 0
    assert client.agent.log == []


async def test_a_client_that_stops_reading_ends_the_agent(stage: Stage, lifeline: Lifeline) -> None:
    command = lifeline.hold + "sleep 600"
    await stage.model(f"call: bash {dump_text({'command': command})}")
    read_end, write_end = os.pipe()
    env = {
        "PATH": os.environ["PATH"],
        "ACP_AGENT_HOME": str(stage.home),
        "ACP_AGENT_MODE": "auto",
        **stage.env,
    }
    process = await anyio.open_process([COMMAND], stdout=write_end, stderr=subprocess.DEVNULL, env=env)
    os.close(write_end)
    assert process.stdin is not None
    async with process:
        await process.stdin.send(request("initialize", {"protocolVersion": 1}) + b"\n")
        await process.stdin.send(request("session/new", {"cwd": str(stage.cwd), "mcpServers": []}, 2) + b"\n")
        received = b""
        with anyio.fail_after(PATIENCE):
            while received.count(b"\n") < 2:
                await anyio.wait_readable(read_end)
                received += os.read(read_end, 65536)
        session_id = json.loads(received.splitlines()[1])["result"]["sessionId"]
        await process.stdin.send(request("session/prompt", prompt_params(session_id, "hi"), 3) + b"\n")
        await lifeline.wait_held()
        os.close(read_end)
        await process.stdin.send(request("session/list", {}, 4) + b"\n")
        with anyio.fail_after(PATIENCE):
            assert await process.wait() == 0
        await lifeline.wait_gone()


@pytest.mark.parametrize(("given", "taken"), [("file", "pipe"), ("file", "file"), ("pipe", "pipe")])
async def test_a_script_of_requests_is_answered_whole(
    stage: Stage, tmp_path: Path, given: str, taken: str
) -> None:
    """`acp-agent < requests`, `acp-agent < requests > answers`, `cat requests | acp-agent`."""
    lines = [
        request("initialize", {"protocolVersion": 1}),
        request("session/new", {"cwd": str(stage.cwd), "mcpServers": []}, 2),
        request("session/new", {"cwd": "relative", "mcpServers": []}, 3),
    ]
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"\n".join(lines))  # the last line has no end
    env = {"PATH": os.environ["PATH"], "ACP_AGENT_HOME": str(stage.home)}
    with source.open("rb") as stdin, target.open("wb") as stdout, anyio.fail_after(PATIENCE):
        done = await anyio.run_process(
            [COMMAND],
            stdin=stdin if given == "file" else None,
            input=source.read_bytes() if given == "pipe" else None,
            stdout=stdout if taken == "file" else subprocess.PIPE,
            env=env,
        )
    written = target.read_bytes() if taken == "file" else done.stdout
    validator = FrameValidator(unstable=True)
    for line in lines:
        validator.feed("client", line)
    for line in written.splitlines(keepends=True):
        validator.feed("agent", line)
    assert validator.problems == []
    assert sorted(json.loads(line)["id"] for line in written.splitlines()) == [1, 2, 3]
