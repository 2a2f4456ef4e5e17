"""Subagents from files: where they are looked for, which counts, what they may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.paths import Places
from acp_agent.model.subagent import AgentKind, FoundAgents, KindRules
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
    assert files.find() == FoundAgents()
    assert AgentFiles(Places(None, None), project).find() == FoundAgents()


async def test_a_file_says_what_a_subagent_is(files: AgentFiles, home: Path) -> None:
    write(
        home / "agents" / "docs.md",
        "---\nname: docs-writer\ndescription: Writes docs\ntools: Read, Write\nmodel: openai/x\n"
        "max_steps: 7\nread_only: true\n---\nYou write docs.\n",
    )
    write(home / "agents" / "plain.md", "Just be plain.")
    assert files.find() == FoundAgents(
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
    (kind,) = files.find().kinds
    assert (kind.tools, kind.denied_tools, kind.model) == (tools, denied, "")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("tools: [read, 'a b(']", "`tools`: `read, 'a b('` is no list of tools"),
        ("disallowedTools:\n  - Bash(rm", "`disallowedTools`: `Bash(rm`: it is not written as"),
        ("kind: wizard", "`kind`: `wizard` is none of read_only, planner"),
        ("confirmation_inheritance: maybe", "`confirmation_inheritance`: `maybe` is none of inherit_parent"),
        ("hidden: perhaps", "`hidden`: must be `true` or `false`"),
        ("permissions: {deny: [x]}", "`permissions`: must be a table"),
        ("permissions:\n  forbid: [x]", "`permissions`: there is no `forbid`"),
        ("permissions:\n  default_decision: no", "`default_decision`: `no` is none of allow, ask, deny"),
        ("permissions:\n  deny:\n    - a b", "`deny`: `a b`: it is not written as"),
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
    found = files.find()
    assert [kind.name for kind in found.kinds] == ["good"]
    (told,) = found.problems
    assert problem in told
    assert str(bad) in told


async def test_of_a_project_nothing_is_read_before_it_is_trusted(
    files: AgentFiles, places: Places, project: Path
) -> None:
    write(project / ".claude" / "agents" / "a.md", "Be the third.")
    assert files.find() == FoundAgents()
    trust_folder(places, project)
    assert [kind.prompt for kind in files.find().kinds] == ["Be the third."]


async def test_what_is_nearer_to_this_agent_counts_more(
    files: AgentFiles, places: Places, project: Path, home: Path
) -> None:
    write(home / "agents" / "a.md", "the user's")
    for folder in (".acp-agent", ".a3s", ".claude"):
        write(project / folder / "agents" / "a.md", folder)
    trust_folder(places, project)
    order = [kind.prompt for kind in files.find().kinds]
    assert order == ["the user's", ".claude", ".a3s", ".acp-agent"]


async def test_patterns_behind_tools_narrow_what_they_may_do(files: AgentFiles, home: Path) -> None:
    write(
        home / "agents" / "git.md",
        "---\ntools: Read, Bash(git log:*, git show:*)\n"
        "disallowedTools: [Write, 'Bash(git push:*)']\n---\nBe.",
    )
    (kind,) = files.find().kinds
    assert (kind.tools, kind.denied_tools) == (("Read", "Bash"), ("Write",))
    assert kind.rules == KindRules(
        allow=("Read", "Bash(git log:*, git show:*)"), deny=("Bash(git push:*)",), default="deny"
    )


async def test_a_yaml_file_has_its_text_under_prompt_and_may_be_deeper_down(
    files: AgentFiles, home: Path
) -> None:
    write(
        home / "agents" / "team" / "tidy.yaml",
        "# who tidies\ndescription: Tidies up.\nkind: reviewer\nhidden: true\nmax_steps: 9\n"
        "confirmation_inheritance: deny_on_ask\n"
        "permissions:\n  # little\n  default_decision: ask\n  allow: [Read, 'Grep(TODO*)']\n  deny:\n"
        "    - Bash(rm:*)  # never\n"
        "prompt: |\n  You tidy:\n    - names\n\n  Nothing else.\n",
    )
    write(home / "agents" / "empty.yml", "description: nothing to be told")
    found = files.find()
    assert found.kinds == (
        AgentKind(
            "tidy",
            "Tidies up.",
            "You tidy:\n  - names\n\nNothing else.",
            tools=("read", "ls", "glob", "grep", "bash"),
            read_only=True,
            max_steps=9,
            hidden=True,
            rules=KindRules(("Read", "Grep(TODO*)"), (), ("Bash(rm:*)",), "ask"),
            confirmation="deny_on_ask",
        ),
    )
    assert found.problems == (f"`{home / 'agents' / 'empty.yml'}`: has no text",)


async def test_a_user_is_asked_unless_a_file_says_otherwise(files: AgentFiles, home: Path) -> None:
    write(home / "agents" / "a.md", "Be.")
    assert files.find().kinds[0].confirmation == "inherit_parent"


async def test_149_150_the_order_of_all_places(
    places: Places, home: Path, project: Path, tmp_path: Path
) -> None:
    further = [tmp_path / "of-the-agent", tmp_path / "of-the-session"]
    order = [home / ".claude" / "agents", home / ".a3s" / "agents", home / "agents"]
    order += [project / name / "agents" for name in (".claude", ".a3s", ".acp-agent")]
    order += further
    for folder in reversed(order):
        write(folder / "a.md", str(folder))
    files = AgentFiles(places, project, further)
    untrusted = [kind.prompt for kind in files.find().kinds]
    assert untrusted == [str(folder) for folder in order if not folder.is_relative_to(project)]
    trust_folder(places, project)
    assert [kind.prompt for kind in files.find().kinds] == [str(folder) for folder in order]


async def test_hidden_files_are_passed_over(files: AgentFiles, home: Path) -> None:
    write(home / "agents" / "._docs.md", "What a Mac leaves on other disks.")
    write(home / "agents" / "docs.md", "You write docs.")
    found = files.find()
    assert ([kind.name for kind in found.kinds], found.problems) == (["docs"], ())
