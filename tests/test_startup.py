"""What is not loaded when: a client waits for none of it. Times are measured elsewhere, causes here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TELLING = """
import os, sys
write, leave = os.write, os._exit

def tell(when):
    write(2, f"\\nloaded {when}: {' '.join(sys.modules)}\\n".encode())

def write_and_tell(fd, data):
    n_written = write(fd, data)
    for request_id in (1, 2, 3):
        if b'"id":%d,"result"' % request_id in bytes(data):
            tell(request_id)
    return n_written

def tell_and_leave(code):
    tell("end")
    leave(code)

os.write, os._exit = write_and_tell, tell_and_leave
"""
"""Makes a process tell which modules are loaded whenever it has answered a request, and at its end."""

SERVING = f"{TELLING}\nsys.argv = ['acp-agent']\nfrom acp_agent.__main__ import main\nmain()\n"
"""The command itself, watched from outside: nothing of it is replaced."""

OPENAI = """\
model = "local/some-model"

[providers.local]
type = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "NO_SUCH_KEY"
"""


def environment(home: Path, settings: str = "") -> dict[str, str]:
    """Nothing of the user's: an empty home with these settings."""
    (home / "config.toml").write_text(settings, encoding="utf-8")
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "TMP", "TEMP")
    }
    return {**kept, "ACP_AGENT_HOME": str(home), "HOME": str(home)}


def loaded_by(script: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"{TELLING}\nfirst = set(sys.modules)\n{script}\ntell('end')"],
        capture_output=True,
        timeout=30,
        check=True,
    )
    return read_reports(ended.stderr)["end"]


def read_reports(text: bytes) -> dict[str, set[str]]:
    """What was loaded, by the id of the request that had just been answered, or `end`."""
    reports: dict[str, set[str]] = {}
    for line in text.decode().splitlines():
        if line.startswith("loaded "):
            when, _, names = line.removeprefix("loaded ").partition(": ")
            reports.setdefault(when, set(names.split()))
    return reports


def converse(
    home: Path, *requests: tuple[str, Mapping[str, object]], settings: str = ""
) -> dict[str, set[str]]:
    """Hold a conversation with the command; the reports of each answer and of its end."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", SERVING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home, settings),
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        assert agent.stderr is not None
        session_id = ""
        for request_id, (method, params) in enumerate(requests, start=1):
            message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
            line = json.dumps(message).replace(THIS_SESSION, session_id)
            agent.stdin.write(line.encode() + b"\n")
            agent.stdin.flush()
            answer: Any = {}
            while answer.get("id") != request_id:
                answer = json.loads(agent.stdout.readline())
            session_id = answer["result"].get("sessionId", session_id)
        agent.stdin.close()
        reports = read_reports(agent.stderr.read())
        assert agent.wait(30) == 0
    return reports


COMMAND_LINE = {"rich", "click", "pygments"}
THIS_SESSION = "$the session opened before$"
INITIALIZE = ("initialize", {"protocolVersion": 1})


def new_session(home: Path) -> tuple[str, Mapping[str, object]]:
    return ("session/new", {"cwd": str(home), "mcpServers": []})


def top_level(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def test_importing_the_package_loads_nothing_else() -> None:
    before = loaded_by("")
    assert loaded_by("import acp_agent") - before == {"acp_agent"}


def test_asking_for_the_version_loads_no_parser_and_no_package() -> None:
    script = "sys.argv = ['acp-agent', '--version']\nfrom acp_agent.__main__ import main\nmain()"
    modules = loaded_by(script)
    assert {name for name in modules if name.startswith("acp_agent")} == {"acp_agent", "acp_agent.__main__"}
    assert not top_level(modules) & {"argparse", "msgspec", "anyio", "asyncio"}


def test_initialize_is_answered_before_any_package_or_event_loop_is_loaded(home: Path) -> None:
    modules = converse(home, INITIALIZE)["1"]
    absent = {"pydantic", "pydantic_core", "jsonrpcserver", "httpx", "mcp", "msgspec", "anyio", "asyncio"}
    assert not top_level(modules) & absent
    assert not top_level(modules) & {"argparse", "dataclasses", "inspect", "logging", "sqlite3", "tomllib"}
    ours = {name for name in modules if name.startswith("acp_agent.")}
    assert {name.split(".")[1] for name in ours} <= {"__main__", "base", "cli", "rpc", "server", "surface"}
    assert len(ours) <= 20


def test_a_first_session_loads_nothing_for_servers_nobody_named(home: Path) -> None:
    reports = converse(home, INITIALIZE, new_session(home), settings=OPENAI)
    for when in ("2", "end"):
        assert not top_level(reports[when]) & {"mcp", "jsonschema", "uvicorn", "starlette", *COMMAND_LINE}
        assert "http.server" not in reports[when]
    # What must be there, or this test would prove nothing.
    assert {"pydantic", "jsonrpcserver.dispatcher", "acp_agent.providers.openai"} <= reports["2"]


def test_talking_to_a_model_loads_no_command_line_of_the_http_library() -> None:
    loaded = loaded_by("from acp_agent.providers.httpx_loading import load_httpx\nload_httpx()")
    assert "httpx" in loaded
    assert not top_level(loaded) & COMMAND_LINE


def test_a_session_with_the_embedded_model_loads_no_http_client(home: Path) -> None:
    prompt = ("session/prompt", {"sessionId": THIS_SESSION, "prompt": [{"type": "text", "text": "hello"}]})
    reports = converse(home, INITIALIZE, new_session(home), prompt)
    for when in ("2", "3", "end"):
        assert not top_level(reports[when]) & {"httpx", "httpcore", "h11", "mcp"}
    assert "acp_agent.providers.scripted" in reports["2"]


def test_the_answer_to_initialize_is_not_the_first_thing_that_loads_the_rest(home: Path) -> None:
    reports = converse(home, INITIALIZE, ("session/list", {}))
    assert "pydantic" in reports["2"] - reports["1"]
    assert "anyio" in reports["2"] - reports["1"]
