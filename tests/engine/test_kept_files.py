"""What the agent overwrites is kept, and a rewind can bring it back; what others changed is not touched."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acp_agent.base.errors import StoreError
from acp_agent.base.ids import MessageId, SessionId, ToolCallId
from acp_agent.engine.rewind.keeping import MAX_KEPT_BYTES
from acp_agent.engine.rewind.restoring import changed_since, restore
from acp_agent.engine.subagents.journal import subagent_journal
from acp_agent.model import events
from acp_agent.stores.memory import MemoryStore
from acp_agent.tools.builtin import builtin_tools
from acp_agent.workspaces.local import LocalWorkspace
from tests.engine.conftest import Stage, open_stage

SCRIPT = r"""
say: nothing to do
when: first
call: write {"path": "new.txt", "content": "by the agent\n"}
call: edit {"path": "old.txt", "old_text": "one", "new_text": "ONE"}
---
say: done
when: second
call: edit {"path": "old.txt", "old_text": "two", "new_text": "TWO"}
---
say: done
"""


@asynccontextmanager
async def at_work(folder: Path, store: MemoryStore | None = None) -> AsyncGenerator[Stage]:
    (folder / "old.txt").write_bytes(b"one\r\ntwo\n")
    async with open_stage(SCRIPT, *builtin_tools(), store=store) as stage:
        stage.session.workspace = LocalWorkspace((folder,), {})
        await stage.session.set_mode("auto")
        yield stage


async def answer(stage: Stage, text: str) -> str:
    await stage.prompt(text)
    return [one.text for one in stage.host.told if isinstance(one, events.CommandAnswered)][-1]


async def kept(stage: Stage) -> list[events.FileKept]:
    return [one for one in await stage.stored() if isinstance(one, events.FileKept)]


async def test_what_a_file_held_is_kept_before_it_is_written(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("first")
        new, old = await kept(stage)
        assert (new.path, new.existed, new.blob) == (str(tmp_path / "new.txt"), False, None)
        assert (old.path, old.existed) == (str(tmp_path / "old.txt"), True)
        assert old.blob is not None
        assert await stage.store.get_blob(stage.session.id, old.blob) == b"one\r\ntwo\n"
        calls = [one.call_id for one in stage.host.told if isinstance(one, events.CallRequested)]
        assert [new.call_id, old.call_id] == calls


async def test_a_rewind_brings_files_back_and_removes_new_ones(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        for text in ("first", "second"):
            await stage.prompt(text)
        assert (tmp_path / "old.txt").read_bytes() == b"ONE\r\nTWO\n"
        told = await answer(stage, "/rewind 1 files")
        assert "- `old.txt`: restored" in told
        assert "What commands changed" in told
        assert (tmp_path / "old.txt").read_bytes() == b"ONE\r\ntwo\n"
        told = await answer(stage, "/rewind 1 files")
        assert "- `new.txt`: removed" in told
        assert (tmp_path / "old.txt").read_bytes() == b"one\r\ntwo\n"
        assert not (tmp_path / "new.txt").exists()
        assert "no message to go back to" in await answer(stage, "/rewind")


async def test_a_rewind_without_a_word_of_files_leaves_them_and_names_them(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("first")
        told = await answer(stage, "/rewind 1")
        assert "Files stay as they are; the agent wrote since: `new.txt`, `old.txt`." in told
        assert (tmp_path / "new.txt").exists()


async def test_what_somebody_else_changed_since_is_asked_about_and_then_kept_too(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("first")
        (tmp_path / "old.txt").write_text("by the user")
        told = await answer(stage, "/rewind 1 files")
        assert "Nothing was done." in told
        assert "- `old.txt`: changed since" in told
        assert "`/rewind 1 files anyway`" in told
        assert (tmp_path / "old.txt").read_text() == "by the user"
        assert (tmp_path / "new.txt").exists()
        assert not [one for one in stage.host.told if isinstance(one, events.Rewound)]

        assert "- `old.txt`: restored" in await answer(stage, "/rewind 1 files anyway")
        assert (tmp_path / "old.txt").read_bytes() == b"one\r\ntwo\n"
        overwritten = (await kept(stage))[-1]
        assert overwritten.call_id is None
        assert overwritten.blob is not None
        assert await stage.store.get_blob(stage.session.id, overwritten.blob) == b"by the user"


async def test_nothing_outside_the_workspace_is_restored(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("theirs")
    inside = tmp_path / "inside"
    inside.mkdir()
    async with at_work(inside) as stage:
        await stage.prompt("first")
        await stage.session.journal.record(events.FileKept(str(outside), "x", existed=False))
        told = await answer(stage, "/rewind 1 files anyway")
        assert f"`{outside}`: failed" in told
        assert outside.read_text() == "theirs"


class FullStore(MemoryStore):
    async def put_blob(self, session_id: SessionId, data: bytes) -> str:
        raise StoreError("the disk is full")


async def test_an_edit_does_not_fail_because_nothing_can_be_kept(tmp_path: Path) -> None:
    async with at_work(tmp_path, FullStore()) as stage:
        await stage.prompt("first")
        assert (tmp_path / "old.txt").read_bytes() == b"ONE\r\ntwo\n"
        told = await answer(stage, "/rewind 1 files")
        assert "- `old.txt`: not kept" in told
        assert "- `new.txt`: removed" in told


async def test_a_file_that_is_too_large_is_changed_and_not_kept(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        (tmp_path / "old.txt").write_text("one" + "x" * MAX_KEPT_BYTES)
        await stage.prompt("first")
        assert [one.blob for one in await kept(stage)] == [None, None]
        assert (tmp_path / "old.txt").read_text().startswith("ONE")


async def test_words_that_mean_nothing_change_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("first")
        assert "is not understood" in await answer(stage, "/rewind 1 everything")
        assert not [one for one in stage.host.told if isinstance(one, events.Rewound)]


@pytest.mark.parametrize("gone", [True, False])
async def test_a_file_that_is_as_it_was_is_left_alone(tmp_path: Path, gone: bool) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("first")
        (tmp_path / "old.txt").write_bytes(b"one\r\ntwo\n")
        if gone:
            (tmp_path / "new.txt").unlink()
        journal = stage.store.read(stage.session.id)
        said = next(one.message_id for one in await stage.stored() if isinstance(one, events.UserSaid))
        files = await changed_since(journal, said)
        assert files is not None
        fates = await restore(
            files, stage.session.workspace, lambda _: stage.store.get_blob(stage.session.id, _)
        )
        assert [fate.fate for fate in fates] == ["unchanged" if gone else "removed", "unchanged"]
    assert await changed_since(stage.store.read(stage.session.id), MessageId("unknown")) is None


async def test_what_a_subagent_overwrites_is_kept_with_its_session(tmp_path: Path) -> None:
    async with at_work(tmp_path) as stage:
        await stage.prompt("second")
        journal = subagent_journal(stage.session.journal, SessionId("agent"), lambda _: None)
        event = events.FileKept("/x", "hash", existed=False, call_id=ToolCallId("c"))
        await journal.record(event)
        assert (await kept(stage))[-1] == event
