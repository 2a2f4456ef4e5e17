"""An MCP source through its whole life, against small servers that misbehave on purpose.

The servers speak raw JSON-RPC with the standard library alone: they start fast and can break every rule.
"""

import os

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Text
from acp_agent.model.mcp import StdioServer
from acp_agent.model.permission import Access
from acp_agent.ports import Preview, ServerContext
from acp_agent.tools.mcp.server import MAX_TOOLS, McpSource
from acp_agent.tools.mcp.tool import MAX_DESCRIPTION
from tests.patience import PATIENCE
from tests.tools.mcp_stage import CONTEXT, raw, running, said, settled, until


def is_gone(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


async def test_tools_are_offered_under_legal_names_with_cleaned_descriptions(tmp_path):
    program = f"""
serve([
    tool("look", title="Look around", description="See\\x00 \\u202eit", annotations={{"readOnlyHint": True}}),
    tool("do.it", description="x" * {2 * MAX_DESCRIPTION}),
    {{"name": "odd", "inputSchema": {{"type": "object", "required": ["a"]}}}},
])
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    assert (source.name, source.failure, source.tools()) == ("raw", None, ())
    async with running(source) as tools:
        assert source.failure is None
        look, do_it, odd = tools.values()
        assert look.spec.name == "mcp__raw__look"
        assert look.spec.description == "See it"
        assert do_it.spec.name.startswith("mcp__raw__do_it_")
        assert len(do_it.spec.description) == MAX_DESCRIPTION
        assert odd.spec.input_schema == {"type": "object", "required": ["a"], "properties": {}}
        assert await look.preview({}, CONTEXT) == Preview(
            "raw: Look around", "read", Access("read", "mcp__raw__look")
        )
        assert await odd.preview({}, CONTEXT) == Preview(
            "raw: odd", "other", Access("other", "mcp__raw__odd")
        )
    assert source.tools() == ()


async def test_all_pages_are_listed_up_to_the_limit_and_changes_are_followed(tmp_path, caplog):
    program = """
many = False
def tools(params):
    if not many:
        return {"tools": [tool("grow")]}
    page = int(params.get("cursor", 0))
    return {"tools": [tool(f"t{page}_{n}") for n in range(50)], "nextCursor": str(page + 1)}
def call(name, args):
    global many
    many = True
    send(method="notifications/tools/list_changed")
    return text("grown")
serve(tools, call)
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    async with running(source) as tools:
        assert list(tools) == ["mcp__raw__grow"]
        await tools["mcp__raw__grow"].run({}, CONTEXT)
        await until(lambda: len(source.tools()) > 1)
        assert len(source.tools()) == MAX_TOOLS
        assert source.tools()[-1].spec.name == "mcp__raw__t2_27"
    assert "offers too many tools; the first 128 are used" in caplog.text


async def test_server_without_tools_is_no_failure(tmp_path):
    source = McpSource(raw("serve([], capabilities={})"), ServerContext(tmp_path))
    async with running(source) as tools:
        assert (source.failure, tools) == (None, {})


async def test_greeting_on_stdout_is_overlooked(tmp_path):
    source = McpSource(raw('print("Welcome!", flush=True)\nserve([tool("a")])'), ServerContext(tmp_path))
    async with running(source) as tools:
        assert list(tools) == ["mcp__raw__a"]


async def test_missing_command_is_named(tmp_path):
    for command in ("no-such-command-here", "./bin/missing"):
        failure = await settled(McpSource(StdioServer("files", command), ServerContext(tmp_path)))
        assert failure == f"MCP server `files` command `{command}` not found or not executable"


@pytest.mark.skipif(os.name == "nt", reason="the planted program is a POSIX script")
async def test_no_program_is_taken_from_the_folder_the_agent_runs_in(tmp_path, monkeypatch):
    planted = tmp_path / "planted-server"
    planted.write_text(f"#!/bin/sh\necho > '{tmp_path}/ran'\n", encoding="utf-8")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    server = StdioServer("files", planted.name, env=(("PATH", f".:{os.defpath}"),))
    failure = await settled(McpSource(server, ServerContext(tmp_path)))
    assert failure == "MCP server `files` command `planted-server` not found or not executable"
    assert sorted(os.listdir(tmp_path)) == [planted.name]


async def test_missing_working_directory_is_named(tmp_path):
    failure = await settled(McpSource(raw("serve([])"), ServerContext(tmp_path / "missing")))
    assert failure is not None
    assert "cannot start" in failure


async def test_server_that_dies_at_once_is_reported_with_its_last_words(tmp_path):
    program = 'print("first\\n\\nModuleNotFoundError: no\\x1b[31m module", file=sys.stderr); sys.exit(7)'
    failure = await settled(McpSource(raw(program), ServerContext(tmp_path)))
    assert failure == (
        "MCP server `raw` closed the connection; exit code 7; "
        "stderr: first | ModuleNotFoundError: no[31m module"
    )


async def test_server_that_writes_garbage_is_reported_with_a_sample(tmp_path):
    failure = await settled(
        McpSource(raw('print("no json " * 3); sys.stdin.readline()'), ServerContext(tmp_path))
    )
    assert failure is not None
    assert failure.endswith("exit code 0; stdout is not JSON-RPC: no json no json no json")


async def test_server_that_answers_nonsense_is_reported(tmp_path):
    program = 'send(id=json.loads(sys.stdin.readline())["id"], result={"a": 1}); sys.stdin.read()'
    failure = await settled(McpSource(raw(program), ServerContext(tmp_path)))
    assert failure == "MCP server `raw` answered with something that is not MCP"


async def test_server_that_answers_with_an_error_is_reported(tmp_path):
    program = """
request = json.loads(sys.stdin.readline())
send(id=request["id"], error={"code": -32603, "message": "license expired"})
sys.stdin.read()
"""
    failure = await settled(McpSource(raw(program), ServerContext(tmp_path)))
    assert failure is not None
    assert "answered with an error: license expired" in failure


async def test_slow_server_is_given_up_at_the_deadline(tmp_path):
    program = 'print("still loading", file=sys.stderr, flush=True); sys.stdin.read(); time.sleep(60)'
    for patience in (2, 8, 20):  # a busy machine takes longer until it says so
        failure = await settled(McpSource(raw(program), ServerContext(tmp_path), connect_timeout=patience))
        if failure != f"MCP server `raw` did not offer its tools within {patience} s":
            break
    assert failure == f"MCP server `raw` did not offer its tools within {patience} s; stderr: still loading"


async def test_secrets_stay_out_of_failures_and_logs(tmp_path, caplog):
    program = """
key = os.environ["API_KEY"]
print("bad key", key, file=sys.stderr)
print("x" * 290, key, file=sys.stderr)
print("greeting", key)
sys.exit(1)
"""
    server = raw(program, API_KEY="tip-top-secret")
    failure = await settled(McpSource(server, ServerContext(tmp_path)))
    assert failure is not None
    assert "stderr: bad key ***" in failure
    assert "greeting ***" in failure
    assert "tip" not in failure + caplog.text + repr(server)


async def test_child_sees_a_minimal_environment_and_the_session_directory(tmp_path):
    program = """
def call(name, args):
    return text(json.dumps([os.getcwd(), dict(os.environ)]))
serve([tool("look")], call)
"""
    async with running(McpSource(raw(program, GIVEN="yes"), ServerContext(tmp_path))) as tools:
        outcome = await tools["mcp__raw__look"].run({}, CONTEXT)
    answer = outcome.for_model[0]
    assert isinstance(answer, Text)
    assert str(tmp_path) in answer.text
    assert '"GIVEN": "yes"' in answer.text
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in answer.text


async def test_death_during_a_call_ends_it_and_names_the_server(tmp_path):
    program = """
def call(name, args):
    print("out of memory", file=sys.stderr, flush=True)
    os._exit(9)
serve([tool("die")], call)
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    async with running(source) as tools:
        tool = tools["mcp__raw__die"]
        with pytest.raises(ToolError, match="`raw` ended during the call; its tools are gone"):
            await tool.run({}, CONTEXT)
        await until(lambda: source.failure is not None)
        assert source.failure == "MCP server `raw` closed the connection; exit code 9; stderr: out of memory"
        assert source.tools() == ()
        with pytest.raises(ToolError, match="`raw` is gone, and its tools with it"):
            await tool.run({}, CONTEXT)


async def test_what_a_server_says_after_it_stopped_listening_is_heard(tmp_path):
    program = f"""
import pathlib
deaf, go = pathlib.Path({str(tmp_path / "deaf")!r}), pathlib.Path({str(tmp_path / "go")!r})
def call(name, args):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    deaf.touch()
    while not go.exists(): time.sleep(0.01)
    return text("the answer")
serve([tool("last")], call)
sys.exit(4)
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    answers = []

    async def ask():
        answers.append(await said(source, "last", {}))

    async def ask_in_vain():
        with pytest.raises(ToolError, match="ended during the call"):
            await said(source, "last", {})

    async with running(source):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await until((tmp_path / "deaf").exists)
            tasks.start_soon(ask_in_vain)
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            (tmp_path / "go").touch()
        await until(lambda: source.failure is not None)
    assert answers == ["the answer"]
    assert source.failure == "MCP server `raw` closed the connection; exit code 4"


async def test_cancelled_call_returns_at_once_and_tells_the_server(tmp_path):
    program = f"""
def call(name, args):
    send(method="notifications/tools/list_changed")
def other(message):
    if message["method"] == "notifications/cancelled":
        open({str(tmp_path / "cancelled")!r}, "w").close()
serve([tool("wait")], call, other)
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    async with running(source) as tools, anyio.create_task_group() as tasks:
        tasks.start_soon(tools["mcp__raw__wait"].run, {}, CONTEXT)
        before = source.tools()
        # The server has the call when it announces a change.
        await until(lambda: source.tools() is not before)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(PATIENCE):
        await until((tmp_path / "cancelled").exists)


async def test_refused_call_is_a_failure_that_leaves_the_server_in_use(tmp_path):
    program = """
def call(name, args):
    return text("fine") if args else {"code": -32000, "message": "no arguments"}
serve([tool("t")], call)
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    async with running(source) as tools:
        with pytest.raises(ToolError, match="MCP server `raw` answered with an error: no arguments"):
            await tools["mcp__raw__t"].run({}, CONTEXT)
        outcome = await tools["mcp__raw__t"].run({"a": 1}, CONTEXT)
        assert outcome.for_model == (Text("fine"),)
        assert source.failure is None


@pytest.mark.skipif(os.name != "posix", reason="signals and process groups")
@pytest.mark.parametrize("stubborn", [False, True])
async def test_child_and_its_children_are_gone_after_cancelling(tmp_path, stubborn):
    # Both hold this pipe open for writing; its reader sees the end when the last of them is dead. Asking
    # for their process ids would also find dead ones that nobody has reaped yet.
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    program = f"""
if {stubborn}:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
own = open({str(held)!r}, "w")
grandchild = "import time; own = open({str(held)!r}, 'w'); print('ready', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", grandchild], stdout=subprocess.PIPE)
child.stdout.readline()
serve([tool("a")])
while {stubborn}:
    time.sleep(1)
"""

    def nobody_holds_it() -> bool:
        try:
            return os.read(reader, 1) == b""
        except BlockingIOError:
            return False

    try:
        async with running(McpSource(raw(program), ServerContext(tmp_path))) as tools:
            assert tools
            assert not nobody_holds_it()
        with anyio.fail_after(PATIENCE):
            await until(nobody_holds_it)
    finally:
        os.close(reader)


async def test_endless_line_is_cut_off(tmp_path):
    program = """
sys.stdin.readline()
while True:
    sys.stdout.write("x" * 1_000_000)
"""
    failure = await settled(McpSource(raw(program), ServerContext(tmp_path)))
    assert failure == (
        "MCP server `raw` closed the connection; stdout is not JSON-RPC: a line longer than 33554432 bytes"
    )


async def test_cancelling_while_connecting_ends_the_child(tmp_path):
    mark = tmp_path / "mark"
    program = f"""
with open({str(mark)!r}, "w") as file:
    file.write(str(os.getpid()))
sys.stdin.read()
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    with anyio.fail_after(15):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(source.run)
            await until(lambda: mark.exists() and bool(mark.read_text(encoding="utf-8")))
            tasks.cancel_scope.cancel()
        await source.wait_settled()
        process_id = int(mark.read_text(encoding="utf-8"))
        await until(lambda: is_gone(process_id))
    assert source.failure is None
