"""Skills from folders: what their files say, which places count, what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.paths import Places
from acp_agent.model.skill import Skill
from acp_agent.sdk.folders.commands import CommandFiles
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


def skill(folder: Path, text: str, name: str = "a") -> Path:
    path = folder / name / "SKILL.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_file_says_what_a_skill_is(places: Places, home: Path, project: Path) -> None:
    path = skill(
        home / "skills",
        "---\nname: pdf\ndescription: Fills in forms.\nallowed-tools: Read, Bash(python fill.py:*)\n"
        "argument-hint: '[file]'\nversion: 1\ntags: [a, b]\n---\nDo it.\n",
    )
    assert CommandFiles(places, project).find().skills == (
        Skill(
            "pdf",
            "Fills in forms.",
            "Do it.",
            folder=str(path.parent),
            origin=str(path),
            hint="[file]",
            allowed_tools=("Read", "Bash(python fill.py:*)"),
            version="1",
        ),
    )


@pytest.mark.parametrize(
    ("head", "allowed"),
    [
        ("description: x", None),
        ("allowed-tools: Read Bash(git log:*) Grep", ("Read", "Bash(git log:*)", "Grep")),
        ("allowed_tools:\n  - Read\n  - Write(src/**)", ("Read", "Write(src/**)")),
        ("allowed-tools: []", ()),
    ],
)
def test_the_tools_that_it_needs_are_listed_in_any_way(
    places: Places, home: Path, project: Path, head: str, allowed: tuple[str, ...] | None
) -> None:
    skill(home / "skills", f"---\n{head}\n---\nDo.")
    (found,) = CommandFiles(places, project).find().skills
    assert found.allowed_tools == allowed


def test_one_that_is_for_users_and_a_persona(places: Places, home: Path, project: Path) -> None:
    skill(home / "skills", "---\ndisable-model-invocation: true\n---\nDo.", "mine")
    skill(home / "skills", "---\nkind: persona\n---\nYou are Ada.", "ada")
    found = CommandFiles(places, project).find()
    assert [(one.name, one.kind, one.for_model) for one in found.skills] == [
        ("ada", "persona", True),
        ("mine", "instruction", False),
    ]
    assert [command.info.name for command in found.commands] == ["mine"]


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("name: a/b", "`name` may have letters"),
        ("kind: wizard", "`kind`: `wizard` is none of instruction, persona, tool"),
        ("allowed-tools: 'Bash('", "`allowed-tools`: `Bash(` is no list of tools"),
    ],
)
def test_a_bad_file_is_named_with_its_key_and_the_others_count(
    places: Places, home: Path, project: Path, head: str, problem: str
) -> None:
    bad = skill(home / "skills", f"---\n{head}\n---\nDo.", "bad")
    skill(home / "skills", "Do.", "good")
    found = CommandFiles(places, project).find()
    assert [one.name for one in found.skills] == ["good"]
    (told,) = found.problems
    assert told.startswith(f"`{bad}`: ")
    assert problem in told


def test_every_place_counts_in_its_order_and_a_project_once_it_is_trusted(
    places: Places, home: Path, project: Path, tmp_path: Path
) -> None:
    session, agent = tmp_path / "session", tmp_path / "agent"
    order = [session, agent, home / "skills", home / ".agents" / "skills", home / ".claude" / "skills"]
    order += [project / name / "skills" for name in (".acp-agent", ".agents", ".claude")]
    for folder in order:
        skill(folder, f"In {folder}.")
    inline, builtin = Skill("a", "", "inline"), Skill("a", "", "built in")
    files = CommandFiles(places, project, [agent, session], inline=[inline], builtin=[builtin])

    def texts() -> list[str]:
        return [one.instructions for one in files.find().skills]

    mine = [f"In {folder}." for folder in order if not folder.is_relative_to(project)]
    assert texts() == ["inline", *mine, "built in"]
    trust_folder(places, project)
    assert texts() == ["inline", *(f"In {folder}." for folder in order), "built in"]
