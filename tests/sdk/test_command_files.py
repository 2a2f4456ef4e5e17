"""Commands and skills from files: where they are looked for, whose count, what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.command import CommandInfo, FoundCommands, TextCommand
from acp_agent.sdk.folders.commands import CommandFiles
from acp_agent.sdk.folders.front_matter import parse_document
from acp_agent.sdk.settings.trust import distrust_folder, project_file, trust_folder


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
def files(places: Places, project: Path) -> CommandFiles:
    return CommandFiles(places, project)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def named(found: FoundCommands) -> list[tuple[str, str]]:
    return [(command.group, command.info.name) for command in found.commands]


async def test_nothing_is_found_where_nothing_is(files: CommandFiles, project: Path) -> None:
    assert files.find() == FoundCommands()
    assert CommandFiles(Places(None, None), project).find() == FoundCommands()


async def test_the_users_commands_are_named_after_their_files(files: CommandFiles, home: Path) -> None:
    review = write(
        home / "commands" / "review.md",
        '---\ndescription: "Review a change"\nargument-hint: [commit] [focus]\n'
        "allowed-tools:\n  - Bash\n---\n\nReview $1.\n",
    )
    commit = write(home / "commands" / "git" / "commit.md", "# Commit what there is\n\nThen push.")
    write(home / "commands" / "notes.txt", "no command")
    assert files.find() == FoundCommands(
        (
            TextCommand(
                CommandInfo("review", "Review a change", "[commit] [focus]"),
                "user",
                "Review $1.",
                str(review),
            ),
            TextCommand(
                CommandInfo("git:commit", "Commit what there is"),
                "user",
                "# Commit what there is\n\nThen push.",
                str(commit),
            ),
        )
    )


async def test_a_skill_brings_its_instructions_and_where_its_files_lie(
    files: CommandFiles, home: Path
) -> None:
    skill = write(
        home / "skills" / "pdf" / "SKILL.md",
        "---\nname: pdf-forms\ndescription: >\n  Fills in\n  PDF forms.\n---\nRun `fill.py`.",
    )
    write(home / "skills" / "no-skill" / "README.md", "nothing")
    write(home / "skills" / "plain" / "SKILL.md", "Just do it.")
    pdf, plain = files.find().commands
    assert (pdf.group, pdf.info, pdf.text) == (
        "skill",
        CommandInfo("pdf-forms", "Fills in PDF forms."),
        "Run `fill.py`.",
    )
    assert str(skill.parent) in pdf.note
    assert plain.info == CommandInfo("plain", "Just do it.")


async def test_nothing_of_a_project_is_read_before_it_is_trusted(
    files: CommandFiles, places: Places, project: Path
) -> None:
    write(project / ".acp-agent" / "commands" / "evil.md", "Do evil.")
    write(project / ".claude" / "skills" / "evil" / "SKILL.md", "Do evil.")
    found = files.find()
    assert found.commands == ()
    assert [f"acp-agent trust {project}" in problem for problem in found.problems] == [True, True]
    assert "evil" not in str(found)

    assert trust_folder(places, project) == b""
    assert named(files.find()) == [("project", "evil"), ("skill", "evil")]
    assert distrust_folder(places, project)
    assert files.find().commands == ()


async def test_a_trusted_project_becomes_a_stranger_when_its_settings_change(
    files: CommandFiles, places: Places, project: Path
) -> None:
    write(project / ".acp-agent" / "commands" / "go.md", "Go.")
    trust_folder(places, project)
    write(project_file(project), 'model = "a/b"')
    found = files.find()
    assert (found.commands, len(found.problems)) == ((), 1)
    trust_folder(places, project)
    assert named(files.find()) == [("project", "go")]


async def test_a_trust_list_that_cannot_be_read_trusts_nobody(
    files: CommandFiles, places: Places, project: Path
) -> None:
    write(project / ".acp-agent" / "commands" / "go.md", "Go.")
    trust_folder(places, project)
    assert places.data_dir is not None
    write(places.data_dir / "trusted.json", "{")
    found = files.find()
    assert found.commands == ()
    assert "no folder counts as trusted" in found.problems[0]


async def test_all_folders_of_a_project_count_in_their_order(
    files: CommandFiles, places: Places, project: Path
) -> None:
    for folder in (".claude", ".acp-agent"):
        write(project / folder / "commands" / "go.md", f"Go {folder}.")
    for folder in (".claude", ".agents", ".acp-agent"):
        write(project / folder / "skills" / "do" / "SKILL.md", f"Do {folder}.")
    trust_folder(places, project)
    assert [command.text for command in files.find().commands] == [
        "Go .acp-agent.",
        "Go .claude.",
        "Do .acp-agent.",
        "Do .agents.",
        "Do .claude.",
    ]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
async def test_a_link_leads_out_of_no_project_but_out_of_the_users_folder(
    files: CommandFiles, places: Places, project: Path, home: Path, tmp_path: Path
) -> None:
    secret = write(tmp_path / "secret.md", "A secret.")
    write(tmp_path / "skill" / "SKILL.md", "A secret skill.")
    for folder in (project / ".acp-agent", home):
        for name in ("commands", "skills"):
            (folder / name).mkdir(parents=True)
        (folder / "commands" / "link.md").symlink_to(secret)
        (folder / "skills" / "link").symlink_to(tmp_path / "skill")
    trust_folder(places, project)
    found = files.find()
    assert named(found) == [("user", "link"), ("skill", "link")]
    assert ["leads out of the project" in problem for problem in found.problems] == [True, True]


async def test_a_file_that_cannot_be_used_is_named_and_the_others_count(
    files: CommandFiles, home: Path
) -> None:
    commands = home / "commands"
    bad = [
        write(commands / "a-empty.md", "---\ndescription: x\n---\n\n"),
        write(commands / "b-open.md", "---\ndescription: x\n"),
        write(commands / "c d.md", "Text."),
        commands / "e-binary.md",
        write(home / "skills" / "f" / "SKILL.md", "---\nname: not a name\n---\nText."),
    ]
    bad[3].write_bytes(b"\xff\xfe")
    write(commands / "z-good.md", "Text.")
    found = files.find()
    assert named(found) == [("user", "z-good")]
    assert [problem.partition(": ")[0] for problem in found.problems] == [f"`{path}`" for path in bad]


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes in folders")
async def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(files: CommandFiles, home: Path) -> None:
    (home / "commands").mkdir(parents=True)
    os.mkfifo(home / "commands" / "pipe.md")
    found = files.find()
    assert "not a regular file" in found.problems[0]


async def test_what_changed_is_read_again(files: CommandFiles, home: Path) -> None:
    path = write(home / "commands" / "go.md", "Go.")
    first = files.find()
    assert files.find().commands[0] is not None
    os.utime(path, ns=(1, 1))
    write(path, "Stop now.")
    assert [command.text for command in (first.commands[0], files.find().commands[0])] == [
        "Go.",
        "Stop now.",
    ]
    path.unlink()
    assert files.find().commands == ()


def test_trusting_needs_something_to_trust(places: Places, project: Path) -> None:
    project.mkdir()
    with pytest.raises(ConfigError, match="nothing to trust"):
        trust_folder(places, project)
    write(project / ".acp-agent" / "commands" / "go.md", "Go.")
    with pytest.raises(ConfigError, match="no folder to keep the list"):
        trust_folder(msgspec.structs.replace(places, data_dir=None), project)


@pytest.mark.parametrize(
    ("head", "values"),
    [
        ("a: b", {"a": "b"}),
        ("a:   b: c#d # e", {"a": "b: c#d"}),
        ("a:\n# c\n\nb: x", {"a": "", "b": "x"}),
        ("a: 'it''s' # c", {"a": "it's"}),
        ('a: "x \\"y\\" \\u00e4"', {"a": 'x "y" ä'}),
        ("a: one\n  two\nb: c", {"a": "one two", "b": "c"}),
        ("a: |\n  one\n\n  two\n", {"a": "one\n\ntwo"}),
        ("a: >-\n  one\n  two\n", {"a": "one two"}),
        ("a:\n  - x\nb: c", {"b": "c"}),
        ("a:\n- x\nb: c", {"b": "c"}),
        ("a:\n  k: x\nb: c", {"b": "c"}),
        ("a: [x] [y]", {"a": "[x] [y]"}),
    ],
)
def test_a_head_is_read_as_it_is_written(head: str, values: dict[str, str]) -> None:
    document = parse_document(f"---\n{head}\n---\n\nbody\n---\nmore\n")
    assert (document.head, document.body) == (values, "body\n---\nmore")


def test_a_text_without_a_head_is_all_body() -> None:
    assert parse_document("one\n---\na: b\n---\n").body == "one\n---\na: b\n---"
    assert parse_document("").body == ""
    assert parse_document("\N{ZERO WIDTH NO-BREAK SPACE}---\r\na: b\r\n---\r\nx").head == {"a": "b"}


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        ("x", "line 2: is not written"),
        ("a: b\nc", "line 3: is not written"),
        ("a: b\na: c", "line 3: `a` is there twice"),
        ('a: "b', "line 2: the quotes"),
        ("a: 'b' c", "line 2: the quotes"),
        ('a: "\\q"', "line 2: the value has an escape"),
        ("a:b", "line 2: is not written"),
    ],
)
def test_a_head_that_is_written_otherwise_is_an_error(head: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_document(f"---\n{head}\n---\nbody")


def test_a_head_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="second one"):
        parse_document("---\na: b\n")
