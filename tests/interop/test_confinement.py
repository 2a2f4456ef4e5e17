"""What lies outside the session's directories stays untouched and unread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import acp
import pytest

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Stage

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


def call(name: str, **arguments: Any) -> str:
    return f"call: {name} {dump_text(arguments)}"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def outside(stage: Stage, tmp_path: Path) -> Path:
    """A neighbour whose name begins like the project's, reachable by links from inside."""
    folder = tmp_path / "project-evil"
    folder.mkdir()
    (folder / "secret.txt").write_text("outside words\n")
    (stage.cwd / "folder-link").symlink_to(folder)
    (stage.cwd / "file-link").symlink_to(folder / "secret.txt")
    return folder


@pytest.mark.parametrize("files", [False, True])
async def test_every_way_out_is_refused_and_nothing_is_touched(
    stage: Stage, open_editor: OpenEditor, outside: Path, files: bool
) -> None:
    ways = [
        "../project-evil/secret.txt",
        str(outside / "secret.txt"),
        "folder-link/secret.txt",
        "file-link",
        "a/../../project-evil/secret.txt",
    ]
    calls = [call("read", path=way) for way in ways]
    calls += [call("write", path=way, content="overwritten") for way in ways]
    calls += [call("edit", path=way, old_text="outside", new_text="changed") for way in ways]
    calls += [
        call("ls", path=str(outside)),
        call("ls", path="folder-link"),
        call("grep", pattern="words", path=".."),
    ]
    calls += [call("glob", pattern="*", path="folder-link"), call("write", path="../new.txt", content="x")]
    calls += [call("read", path=path) for path in ("/etc/passwd", "~/.profile", "nul\0byte", "x" * 5000, "")]
    editor = await open_editor(
        in_order("\n".join(calls), "say: ok"), files=files, env={"ACP_AGENT_MODE": "auto"}
    )
    editor.buffers[str(outside / "secret.txt")] = "outside words\n"
    session = await editor.open()

    assert await session.ask("escape") == "end_turn"

    assert [one["status"] for one in session.calls()] == ["failed"] * len(calls)
    assert (outside / "secret.txt").read_text() == "outside words\n"
    assert names(outside) == ["secret.txt"]
    assert names(stage.cwd.parent) == ["home", "project", "project-evil"]
    assert "outside words" not in conversation(stage.models[0].requests[1])
    assert editor.writes == []
    asked = [Path(request["path"]) for request in editor.agent.frames("fs/read_text_file")]
    assert all(path.is_relative_to(stage.cwd) for path in asked)


async def test_searches_do_not_follow_links_out(stage: Stage, open_editor: OpenEditor, outside: Path) -> None:
    (stage.cwd / "mine.txt").write_text("inside words\n")
    editor = await open_editor(
        in_order(f"{call('grep', pattern='words')}\n{call('glob', pattern='**/*')}", "say: ok")
    )
    session = await editor.open()
    await session.ask("search")
    sent = conversation(stage.models[0].requests[1])
    assert "inside words" in sent
    assert "outside words" not in sent
    assert "secret.txt" not in sent


async def test_additional_directories_are_allowed(
    stage: Stage, open_editor: OpenEditor, outside: Path
) -> None:
    calls = [
        call("read", path=str(outside / "secret.txt")),
        call("write", path=str(outside / "new.txt"), content="x"),
    ]
    editor = await open_editor(in_order("\n".join(calls), "say: ok"))
    session = await editor.open(additional_directories=[str(outside)])
    assert await session.ask("work there") == "end_turn"
    assert [one["status"] for one in session.calls()] == ["completed", "completed"]
    assert (outside / "new.txt").read_text() == "x"


async def test_directories_that_cannot_be_worked_in_are_refused(
    stage: Stage, open_editor: OpenEditor, outside: Path
) -> None:
    editor = await open_editor("say: ok")
    for cwd in (
        "relative",
        "",
        str(stage.cwd / "missing"),
        str(outside / "secret.txt"),
        "/nul\0",
        "/" + "x" * 5000,
    ):
        with pytest.raises(acp.RequestError) as refused:
            await editor.connection.new_session(cwd)
        assert refused.value.code == -32602
    with pytest.raises(acp.RequestError) as refused:
        await editor.connection.new_session(str(stage.cwd), additional_directories=["relative"])
    assert refused.value.code == -32602
    assert await (await editor.open()).ask("hi") == "end_turn"
