"""`acp-agent proxy` and `acp-agent replay` as processes between real ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from acp_agent.client.client import Client
from acp_agent.rpc.errors import RpcError

CLI = [sys.executable, "-m", "acp_agent"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "model.script").write_text("say: You said {prompt}\n", encoding="utf-8")
    (tmp_path / "shouting.py").write_text(
        "from acp_agent.client.proxy import Proxy\n"
        "proxy = Proxy()\n"
        "@proxy.on_request('session/prompt')\n"
        "async def shout(params, onward):\n"
        "    params['prompt'][-1]['text'] += '!'\n"
        "    return await onward.request('session/prompt', params)\n",
        encoding="utf-8",
    )
    (tmp_path / "notes.md").write_text("Be brief.", encoding="utf-8")
    return {
        **{key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")},
        "ACP_AGENT_HOME": str(tmp_path / "home"),
        "ACP_AGENT_SCRIPT": str(tmp_path / "model.script"),
        "PYTHONPATH": str(tmp_path),
    }


async def test_what_stands_between_records_adds_and_changes(tmp_path: Path, env: dict[str, str]) -> None:
    talk = tmp_path / "talk.jsonl"
    options = ["--record", str(talk), "--context", str(tmp_path / "notes.md"), "--use", "shouting:proxy"]
    command = [*CLI, "proxy", *options, "--", *CLI, "serve"]
    with anyio.fail_after(40):
        async with Client().start(command, env=env) as agent, agent.build_session(tmp_path) as session:
            assert await session.prompt("hello") == "You said Be brief.\nhello!"
            assert await session.prompt("more") == "You said more!"
    lines = [json.loads(line) for line in talk.read_text(encoding="utf-8").splitlines()]
    assert (lines[0]["from"], lines[0]["frame"]["method"]) == ("client", "initialize")
    assert os.name == "nt" or talk.stat().st_mode & 0o777 == 0o600
    said = [line["frame"] for line in lines if line["frame"].get("method") == "session/prompt"]
    assert said[0]["params"]["prompt"] == [{"type": "text", "text": "hello"}]

    with anyio.fail_after(40):
        played = [*CLI, "replay", str(talk)]
        async with Client().start(played, env=env) as agent, agent.build_session(tmp_path) as session:
            assert await session.prompt("hello") == "You said Be brief.\nhello!"
            assert await session.prompt("more") == "You said more!"

    again = run("replay", str(talk), "--", *CLI, "serve", env=env)
    assert (again.returncode, again.stderr) == (0, "")


async def test_proxies_stand_in_the_order_they_are_named_and_proxies_stand_before_proxies(
    tmp_path: Path, env: dict[str, str]
) -> None:
    for name in ("first", "second", "third"):
        (tmp_path / f"{name}.py").write_text(
            "from acp_agent.client.proxy import Proxy\n"
            "proxy = Proxy()\n"
            "@proxy.on_request('session/prompt')\n"
            "async def sign(params, onward):\n"
            f"    params['prompt'][-1]['text'] += ' {name}'\n"
            "    return await onward.request('session/prompt', params)\n",
            encoding="utf-8",
        )
    inner = [*CLI, "proxy", "--use", "third:proxy", "--", *CLI, "serve"]
    command = [*CLI, "proxy", "--use", "first:proxy", "--use", "second:proxy", "--", *inner]
    with anyio.fail_after(40):
        async with Client().start(command, env=env) as agent, agent.build_session(tmp_path) as session:
            assert await session.prompt("hello") == "You said hello first second third"


async def test_what_an_agent_writes_to_stderr_is_seen_as_it_comes(env: dict[str, str]) -> None:
    agent = "import sys; print('starting', file=sys.stderr, flush=True); input()"
    command = [*CLI, "proxy", "--", sys.executable, "-c", agent]
    async with await anyio.open_process(command, env=env) as proxy:
        assert proxy.stderr is not None
        with anyio.fail_after(40):
            assert b"starting" in await proxy.stderr.receive()
        proxy.terminate()


async def test_a_proxy_tells_both_sides_how_its_agent_ended(env: dict[str, str]) -> None:
    dying = [sys.executable, "-c", "import sys; input(); sys.exit('out of luck')"]
    with anyio.fail_after(40), pytest.raises(RpcError, match="the other side of the proxy is gone"):
        async with Client().start([*CLI, "proxy", "--", *dying], env=env):
            pass
    command = [*CLI, "proxy", "--", sys.executable, "-c", "import sys; sys.exit('no key')"]
    async with await anyio.open_process(command, env=env) as proxy:
        assert proxy.stderr is not None
        with anyio.fail_after(40):
            told = b"".join([data async for data in proxy.stderr])
            assert (await proxy.wait(), b"no key" in told) == (1, True)


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["proxy"], 2, "no agent"),
        (["proxy", "--", "no-such-agent"], 1, "no-such-agent"),
        (["proxy", "--use", "no_such_module:x", "--", "x"], 3, "no_such_module"),
        (["proxy", "--use", "json:loads", "--", "x"], 3, "no `Proxy`"),
        (["proxy", "--context", "missing.md", "--", "x"], 2, "missing.md"),
        (["replay"], 2, "no recording"),
        (["replay", "missing.jsonl"], 1, "missing.jsonl"),
    ],
)
def test_what_cannot_be_done_is_named(
    arguments: list[str], code: int, told: str, env: dict[str, str]
) -> None:
    result = run(*arguments, env=env)
    assert (result.returncode, told in result.stderr) == (code, True), result.stderr


async def test_an_editor_that_leaves_ends_the_proxy_and_its_agent(
    tmp_path: Path, env: dict[str, str]
) -> None:
    mark = tmp_path / "ended"
    agent = f"import pathlib, sys; sys.stdin.read(); pathlib.Path({str(mark)!r}).touch()"
    result = run("proxy", "--", sys.executable, "-c", agent, env=env)
    assert (result.returncode, result.stdout, mark.exists()) == (0, "", True)
