"""Subagents from files: where they are looked for, which counts, what they may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.paths import Places
from acp_agent.model.subagent import AgentKind, FoundAgents
from acp_agent.sdk.folders.agents import AgentFiles
from acp_agent.sdk.settings.trust import trust_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture
def places(home: Path) -> Places:
    return Places(home / "config.toml", home / "data", home)


@pytest.fixture
def files(places: Places, project: Path) -> AgentFiles:
    return AgentFiles(places, project)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


async def test_nothing_is_found_where_nothing_is(files: AgentFiles, project: Path) -> None:
    assert await files.find() == FoundAgents()
    assert await AgentFiles(Places(None, None), project).find() == FoundAgents()


async def test_a_file_says_what_a_subagent_is(files: AgentFiles, home: Path) -> None:
    write(
        home / "agents" / "docs.md",
        "---\nname: docs-writer\ndescription: Writes docs\ntools: Read, Write\nmodel: openai/x\n"
        "max_steps: 7\nread_only: true\n---\nYou write docs.\n",
    )
    write(home / "agents" / "plain.md", "Just be plain.")
    assert await files.find() == FoundAgents(
        (
            AgentKind(
                "docs-writer",
                "Writes docs",
                "You write docs.",
                tools=("Read", "Write"),
                read_only=True,
                model="openai/x",
                max_steps=7,
            ),
            AgentKind("plain", "Just be plain.", "Just be plain."),
        )
    )


@pytest.mark.parametrize(
    ("head", "tools", "denied"),
    [
        ("tools: read", ("read",), ()),
        ("tools: [read, 'grep']", ("read", "grep"), ()),
        ("tools:\n  - read\n  - 'grep'  # both", ("read", "grep"), ()),
        ("allowed_tools: read", ("read",), ()),
        ("tools:", (), ()),
        ("tools:\n  read: true", (), ()),
        ("tools: '*'", None, ()),
        ("disallowedTools: bash write", None, ("bash", "write")),
        ("model: sonnet", None, ()),
    ],
)
async def test_tools_that_are_named_are_all_it_gets(
    files: AgentFiles, home: Path, head: str, tools: tuple[str, ...] | None, denied: tuple[str, ...]
) -> None:
    write(home / "agents" / "a.md", f"---\n{head}\n---\nBe.")
    (kind,) = (await files.find()).kinds
    assert (kind.tools, kind.denied_tools, kind.model) == (tools, denied, "")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("tools: Bash(git:*)", "`Bash(git:*)` is no name of a tool"),
        ("max_steps: many", "must be a number"),
        ("name: a b", "letters, digits"),
        ("nonsense", "is not written as"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_and_the_others_count(
    files: AgentFiles, home: Path, head: str, problem: str
) -> None:
    bad = write(home / "agents" / "bad.md", f"---\n{head}\n---\nBe.")
    write(home / "agents" / "good.md", "Be good.")
    found = await files.find()
    assert [kind.name for kind in found.kinds] == ["good"]
    (told,) = found.problems
    assert problem in told
    assert str(bad) in told


async def test_of_a_project_nothing_is_read_before_it_is_trusted(
    files: AgentFiles, places: Places, project: Path
) -> None:
    write(project / ".claude" / "agents" / "a.md", "Be the third.")
    assert await files.find() == FoundAgents()
    trust_folder(places, project)
    assert [kind.prompt for kind in (await files.find()).kinds] == ["Be the third."]


async def test_what_is_nearer_to_this_agent_counts_more(
    files: AgentFiles, places: Places, project: Path, home: Path
) -> None:
    write(home / "agents" / "a.md", "the user's")
    for folder in (".acp-agent", ".a3s", ".claude"):
        write(project / folder / "agents" / "a.md", folder)
    trust_folder(places, project)
    order = [kind.prompt for kind in (await files.find()).kinds]
    assert order == ["the user's", ".claude", ".a3s", ".acp-agent"]
