"""The real files and terminals a client serves: what an agent reaches through them, and what not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from acp_agent.client.client import Client
from acp_agent.client.files import LocalFiles
from acp_agent.client.terminals import LocalTerminals
from acp_agent.rpc.errors import RpcError
from tests.client.conftest import Connect, FakeAgent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


async def ask(agent: FakeAgent, method: str, **params: Any) -> Any:
    return await agent.peer.request(method, {"sessionId": "s", **params})


async def test_files_are_read_and_written_as_they_are(connect: Connect, project: Path) -> None:
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        new = project / "folder" / "new.txt"
        await ask(agent, "fs/write_text_file", path=str(new), content="one\r\ntwo\nthree")
        assert new.read_bytes() == b"one\r\ntwo\nthree"
        read = await ask(agent, "fs/read_text_file", path=str(new))
        assert read == {"content": "one\r\ntwo\nthree"}
        part = await ask(agent, "fs/read_text_file", path=str(new), line=2, limit=1)
        assert part == {"content": "two\n"}


@pytest.mark.parametrize("way", ["outside", "dots", "link", "linked folder", "relative"])
async def test_no_path_leads_out_of_the_served_folder(connect: Connect, project: Path, way: str) -> None:
    secret = project.parent / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    (project / "link.txt").symlink_to(secret)
    (project / "up").symlink_to(project.parent)
    path = {
        "outside": str(secret),
        "dots": str(project / ".." / "secret.txt"),
        "link": str(project / "link.txt"),
        "linked folder": str(project / "up" / "secret.txt"),
        "relative": "secret.txt",
    }[way]
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        refused = "not an absolute path" if way == "relative" else "outside"
        with pytest.raises(RpcError, match=refused):
            await ask(agent, "fs/read_text_file", path=path)
        with pytest.raises(RpcError, match=refused):
            await ask(agent, "fs/write_text_file", path=path, content="changed")
    assert secret.read_text(encoding="utf-8") == "secret"


async def test_what_is_missing_or_no_text_is_named(connect: Connect, project: Path) -> None:
    (project / "bytes").write_bytes(b"\xff\xfe\x00")
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        with pytest.raises(RpcError) as missing:
            await ask(agent, "fs/read_text_file", path=str(project / "none"))
        assert missing.value.code == -32002
        with pytest.raises(RpcError, match="as text"):
            await ask(agent, "fs/read_text_file", path=str(project / "bytes"))


async def test_lines_are_what_ends_with_a_newline(connect: Connect, project: Path) -> None:
    (project / "text").write_bytes("one\r\ntwo\fstill two\u2028and on\nthree".encode())
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        part = await ask(agent, "fs/read_text_file", path=str(project / "text"), line=2, limit=1)
        assert part == {"content": "two\fstill two\u2028and on\n"}
        rest = await ask(agent, "fs/read_text_file", path=str(project / "text"), line=3, limit=None)
        assert rest == {"content": "three"}
        for line, limit in ((9, 1), (1, 0), (1, -1)):
            none = await ask(agent, "fs/read_text_file", path=str(project / "text"), line=line, limit=limit)
            assert none == {"content": ""}


async def test_a_file_too_large_for_one_message_is_read_in_parts(connect: Connect, project: Path) -> None:
    with (project / "log").open("wb") as file:
        file.write(b"first\n" + b"x" * 1000 * 1000 + b"\n")
        file.writelines(b"y" * 1000 * 1000 + b"\n" for _ in range(16))
    with (project / "sparse").open("wb") as file:
        file.truncate(4 * 1000**3)
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        with pytest.raises(RpcError, match="name fewer lines"):
            await ask(agent, "fs/read_text_file", path=str(project / "log"))
        part = await ask(agent, "fs/read_text_file", path=str(project / "log"), limit=1)
        assert part == {"content": "first\n"}
        with pytest.raises(RpcError, match="a line of it is longer"):
            await ask(agent, "fs/read_text_file", path=str(project / "sparse"))


@pytest.mark.skipif(os.name != "posix", reason="pipes have no names elsewhere")
async def test_what_is_no_file_is_neither_opened_nor_waited_for(connect: Connect, project: Path) -> None:
    os.mkfifo(project / "pipe")
    async with connect(Client(files=LocalFiles(project))) as (_, agent):
        with pytest.raises(RpcError, match="not a regular file"):
            await ask(agent, "fs/read_text_file", path=str(project / "pipe"))
        with pytest.raises(RpcError, match="not a regular file"):
            await ask(agent, "fs/write_text_file", path=str(project / "pipe"), content="text")
        with pytest.raises(RpcError, match="not an absolute path"):
            await ask(agent, "fs/read_text_file", path=f"{project}/\0")


async def test_only_what_is_served_is_advertised(connect: Connect, project: Path) -> None:
    client = Client(files=LocalFiles(project, writable=False))
    assert client.capabilities == {"fs": {"readTextFile": True, "writeTextFile": False}}
    async with connect(client) as (_, agent):
        with pytest.raises(RpcError, match="Method not found"):
            await ask(agent, "fs/write_text_file", path=str(project / "a"), content="")
        with pytest.raises(RpcError, match="Method not found"):
            await ask(agent, "terminal/create", command="true")
    assert Client().capabilities == {}


def python(code: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": ["-c", code]}


async def test_a_terminal_runs_a_program_to_its_end(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = (
            "import os, sys; print(os.getcwd(), os.environ['GIVEN']); "
            "print('aside', file=sys.stderr); sys.exit(3)"
        )
        env = [{"name": "GIVEN", "value": "value"}]
        made = await ask(agent, "terminal/create", **python(code), env=env)
        ended = await ask(agent, "terminal/wait_for_exit", **made)
        assert ended == {"exitCode": 3}
        output = await ask(agent, "terminal/output", **made)
        assert f"{project} value" in output["output"]
        assert "aside" in output["output"]
        assert (output["truncated"], output["exitStatus"]) == (False, {"exitCode": 3})
        assert await ask(agent, "terminal/release", **made) == {}
        with pytest.raises(RpcError, match="Resource not found"):
            await ask(agent, "terminal/output", **made)


async def test_a_killed_program_leaves_its_output(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = (
            "import time, pathlib; print('begun', flush=True); pathlib.Path('mark').touch(); time.sleep(60)"
        )
        made = await ask(agent, "terminal/create", **python(code))
        while "begun" not in (output := await ask(agent, "terminal/output", **made))["output"]:
            assert "exitStatus" not in output
        assert await ask(agent, "terminal/kill", **made) == {}
        ended = await ask(agent, "terminal/wait_for_exit", **made)
        assert "signal" in ended or "exitCode" in ended
        assert "begun" in (await ask(agent, "terminal/output", **made))["output"]


async def test_only_the_end_of_too_much_output_is_kept(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = "import sys; sys.stdout.buffer.write('ä'.encode() * 1000 + b'end')"
        made = await ask(agent, "terminal/create", **python(code), outputByteLimit=8)
        await ask(agent, "terminal/wait_for_exit", **made)
        output = await ask(agent, "terminal/output", **made)
        assert (output["output"], output["truncated"]) == ("ääend", True)


async def test_what_a_program_left_in_the_background_is_ended_and_not_waited_for(
    connect: Connect, project: Path
) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
        )
        made = await ask(agent, "terminal/create", **python(code))
        assert await ask(agent, "terminal/wait_for_exit", **made) == {"exitCode": 0}


@pytest.mark.skipif(os.name == "nt", reason="a program that forks; any POSIX system runs this")
async def test_the_end_of_a_program_is_told_with_all_of_its_output(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = (
            "import os, time\n"
            "parent = os.getpid()\n"
            "if not os.fork():\n"
            "    while os.getppid() == parent: time.sleep(0.01)\n"
            "    time.sleep(0.1)\n"
            "    print('the last words')\n"
        )
        made = await ask(agent, "terminal/create", **python(code))
        while "exitStatus" not in (output := await ask(agent, "terminal/output", **made)):
            pass
        assert output["output"] == "the last words\n"


async def test_a_connection_that_ends_ends_its_programs(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        made = await ask(agent, "terminal/create", **python(code))
        while not (output := await ask(agent, "terminal/output", **made))["output"].endswith("\n"):
            pass
    if os.name == "posix":
        with pytest.raises(ProcessLookupError):
            os.kill(int(output["output"]), 0)


async def test_a_terminal_begins_in_a_served_folder_with_a_program_that_exists(
    connect: Connect, project: Path
) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        with pytest.raises(RpcError, match="outside"):
            await ask(agent, "terminal/create", **python("pass"), cwd=str(project.parent))
        with pytest.raises(RpcError, match="no-such-program"):
            await ask(agent, "terminal/create", command="no-such-program")
        with pytest.raises(RpcError, match="not a directory"):
            await ask(agent, "terminal/create", **python("pass"), cwd=str(project / "missing"))
        with pytest.raises(RpcError, match="cannot be started"):
            await ask(agent, "terminal/create", command=sys.executable, args=["-c", "\0"])


@pytest.mark.skipif(os.name != "posix", reason="programs end with numbers elsewhere")
async def test_a_signal_without_a_name_is_told_by_its_number(connect: Connect, project: Path) -> None:
    async with connect(Client(terminals=LocalTerminals(project))) as (_, agent):
        made = await ask(agent, "terminal/create", **python("import os; os.kill(os.getpid(), 40)"))
        assert await ask(agent, "terminal/wait_for_exit", **made) == {"signal": "40"}
