"""Files that are searched for what fits a prompt: what is found, what is never looked at, what it costs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import SessionId
from acp_agent.model.context import ContextItem
from acp_agent.ports import ContextQuery
from acp_agent.tools.context_files import MAX_FILE_BYTES, MAX_FOUND, SNIPPET_CHARS, FileContext
from acp_agent.tools.ignoring import unignored


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder.resolve()


def put(top: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text, encoding="utf-8")


async def search(top: Path, text: str, root: Path | None = None) -> list[ContextItem]:
    query = ContextQuery(text=text, session_id=SessionId("s"), roots=(top,))
    return list(await FileContext(root).query(query))


def names(items: list[ContextItem]) -> list[str]:
    return [item.title.partition(":")[0] for item in items]


async def test_what_has_most_of_the_words_comes_first_and_rare_words_count_most(top: Path) -> None:
    put(
        top,
        {
            "a.py": "def load(config): return config\n",
            "b.py": "def load(config): return frobnicate(config)\n",
            "c.py": "config, load\n",
            "d.txt": "nothing of it\n",
        },
    )
    found = await search(top, "why does load of config frobnicate?")
    assert names(found) == ["b.py", "a.py", "c.py"]
    assert found[0].priority > found[1].priority > 0
    assert (found[0].title, found[0].source) == ("b.py:1-2", f"{(top / 'b.py').as_uri()}#L1")


async def test_the_name_of_a_file_counts_twice(top: Path) -> None:
    put(top, {"x/parser.py": "pass\n", "y/other.py": "parser\n"})
    assert names(await search(top, "parser")) == ["x/parser.py", "y/other.py"]


async def test_the_place_with_the_words_is_shown(top: Path) -> None:
    lines = [f"line {number}" for number in range(200)]
    lines[120] = "def frobnicate(widget):"
    put(top, {"long.py": "\n".join(lines)})
    (item,) = await search(top, "frobnicate the widget")
    assert "def frobnicate(widget):" in item.text
    assert len(item.text) <= SNIPPET_CHARS
    first = int(item.title.split(":")[1].split("-")[0])
    assert item.text.splitlines()[0] == lines[first - 1]


async def test_ignored_hidden_private_and_foreign_files_are_never_offered(top: Path) -> None:
    put(
        top,
        {
            ".gitignore": "build/\n*.log\n!keep.log\n/only_here.txt\ndocs/**/draft.md\n",
            "sub/.gitignore": "local.txt\n",
            "build/out.py": "magic words",
            "a.log": "magic words",
            "keep.log": "magic words",
            "only_here.txt": "magic words",
            "sub/only_here.txt": "magic words",
            "sub/local.txt": "magic words",
            "local.txt": "magic words",
            "docs/x/y/draft.md": "magic words",
            ".env": "magic words",
            ".git/config": "magic words",
            "node_modules/m/index.js": "magic words",
            "server.pem": "magic words",
            "my_secrets.toml": "magic words",
            "prod.env": "magic words",
        },
    )
    (top / "binary.bin").write_bytes(b"magic words\0")
    (top / "latin.txt").write_bytes(b"magic words \xff")
    (top / "large.txt").write_text("magic words" + "x" * MAX_FILE_BYTES, encoding="utf-8")
    assert sorted(names(await search(top, "magic words"))) == ["keep.log", "local.txt", "sub/only_here.txt"]


@pytest.mark.skipif(os.name != "posix", reason="links need a right on Windows")
async def test_links_are_not_followed(top: Path, tmp_path: Path) -> None:
    put(tmp_path, {"outside/secret.txt": "magic words"})
    (top / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (top / "folder").symlink_to(tmp_path / "outside")
    assert await search(top, "magic words") == []


async def test_another_folder_can_be_searched(top: Path, tmp_path: Path) -> None:
    put(tmp_path, {"handbook/a.md": "magic words"})
    assert names(await search(top, "magic words", tmp_path / "handbook")) == ["a.md"]
    assert await search(top, "magic words", tmp_path / "missing") == []


async def test_only_so_many_places_are_given(top: Path) -> None:
    put(top, {f"{number}.txt": "magic words" for number in range(20)})
    assert len(await search(top, "magic words")) == MAX_FOUND


async def test_one_word_of_several_is_not_enough_unless_it_names_the_file(top: Path) -> None:
    put(top, {"a.txt": "parser", "b.txt": "parser and lexer"})
    assert names(await search(top, "parser with lexer")) == ["b.txt"]
    assert await search(top, "of the") == []


async def test_a_search_out_of_time_gives_what_it_has(top: Path) -> None:
    put(top, {"a.txt": "magic words"})
    query = ContextQuery(text="magic words", session_id=SessionId("s"), roots=(top,))
    assert list(await FileContext(time_limit=-1.0).query(query)) == []
    await FileContext().on_turn_complete(query, "done")


@given(st.lists(st.text(st.sampled_from("a*?/!#[]\\{},. "), max_size=8), max_size=6))
def test_no_ignore_file_stops_the_walk(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    top = tmp_path_factory.mktemp("walk")
    put(top, {".gitignore": "\n".join(lines), "a/a.txt": "", "b.txt": ""})
    assert {found.path for found in unignored(top)} <= {("a", "a.txt"), ("b.txt",)}
