"""What `acp-agent doctor` finds, and what it says to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from acp_agent.cli.checkup import Finding, examine
from acp_agent.cli.doctor import as_text
from acp_agent.cli.main import main
from acp_agent.cli.style import Style
from acp_agent.workspaces.landlock import Support


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "agent").mkdir()
    return tmp_path


def check(
    home: Path,
    toml: str = "",
    programs: tuple[str, ...] = (),
    kernel: Support = Support("whole", "Landlock 7"),  # noqa: B008 - a value that never changes
    **env: str,
) -> list[Finding]:
    (home / "agent" / "config.toml").write_text(toml, "utf-8")
    return examine(
        env={"HOME": str(home), "USERPROFILE": str(home), "ACP_AGENT_HOME": str(home / "agent"), **env},
        cwd=home,
        cli={},
        which=lambda name: f"/bin/{name}" if name in programs else None,
        kernel=lambda: kernel,
    )


def about(findings: list[Finding], area: str) -> list[Finding]:
    return [finding for finding in findings if finding.area == area]


def fails(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.status == "fail"]


def test_without_a_key_the_tour_can_run_and_the_remedy_is_named(home: Path) -> None:
    findings = check(home)
    (model,) = about(findings, "model")
    assert (model.status, fails(findings)) == ("warn", [])
    assert "ANTHROPIC_API_KEY" in model.remedy


def test_with_a_key_everything_is_fine_and_the_key_is_not_shown(home: Path) -> None:
    findings = check(home, OPENAI_API_KEY="sk-s3cret")
    assert about(findings, "model") == [
        Finding("model", "ok", "openai/gpt-5 (default of the first usable key)")
    ]
    texts = [finding.text for finding in about(findings, "provider")]
    assert "openai: key from environment variable `OPENAI_API_KEY`" in texts
    assert "s3cret" not in repr(findings)


def test_a_chosen_model_without_key_fails(home: Path) -> None:
    findings = check(home, ACP_AGENT_MODEL="openai/gpt-5")
    assert [(found.area, found.remedy) for found in fails(findings)] == [
        ("model", "set environment variable `OPENAI_API_KEY` to use it")
    ]
    own = '[providers.mine]\ntype = "openai"\nbase_url = "https://x.example.com/v1"\n'
    (model,) = fails(check(home, 'model = "mine/a"\n' + own))
    assert model.remedy == "name a variable with `api_key_env` in `[providers.mine]`"


def test_a_wrong_setting_fails_with_its_hint(home: Path) -> None:
    (found,) = fails(check(home, "mode = 'yolo'"))
    assert (found.area, found.remedy) == ("settings", "choose one of: ask, accept-edits, plan, auto")
    assert "config.toml" in found.text
    assert about(check(home, "mode = 'yolo'"), "tool")


def test_a_wrong_home_fails_but_the_rest_is_still_checked(home: Path) -> None:
    findings = check(home, ACP_AGENT_HOME="relative")
    assert [found.area for found in fails(findings)] == ["settings"]
    assert about(findings, "editor")


def test_ignored_settings_are_shown(home: Path) -> None:
    (home / ".acp-agent").mkdir()
    (home / ".acp-agent" / "config.toml").write_text("mode = 'auto'", "utf-8")
    warnings = [found.text for found in about(check(home), "settings") if found.status == "warn"]
    assert len(warnings) == 1
    assert "acp-agent trust" in warnings[0]


def test_a_store_that_cannot_be_written_is_a_warning(home: Path) -> None:
    (home / "file").write_text("", "utf-8")
    store = f"sqlite:///{(home / 'file' / 'x.db').as_posix().lstrip('/')}"
    findings = check(home, f"store = '{store}'")
    (found,) = about(findings, "store")
    assert (found.status, fails(findings)) == ("warn", [])
    assert "is not a folder" in found.text


def test_checking_leaves_nothing_behind(home: Path) -> None:
    (home / "agent" / "data").mkdir()
    check(home)
    assert list((home / "agent" / "data").iterdir()) == []


def test_a_key_sent_unencrypted_is_a_warning(home: Path) -> None:
    toml = '[providers.mine]\ntype = "openai"\nbase_url = "http://x.example.com"\napi_key_env = "K"'
    warned = [found for found in about(check(home, toml, K="k"), "provider") if found.status == "warn"]
    assert [found.text for found in warned] == [
        "mine: key from environment variable `K`, sent unencrypted",
    ]


def test_programs_servers_and_editors_are_looked_for(home: Path) -> None:
    toml = '[mcp_servers.here]\ncommand = "srv"\n[mcp_servers.gone]\ncommand = "nope"\n'
    toml += '[mcp_servers.far]\nurl = "https://x.example.com"'
    (home / ".jetbrains").mkdir()
    findings = check(home, toml, ("srv", "git", "bash", "nvim"))
    assert [found.status for found in about(findings, "mcp server")] == ["ok", "warn", "ok"]
    assert [found.status for found in about(findings, "tool")] == ["warn", "ok", "ok"]
    assert about(findings, "editor") == [
        Finding("editor", "ok", "Neovim", "acp-agent editor-config neovim"),
        Finding("editor", "ok", "JetBrains IDEs", "acp-agent editor-config jetbrains"),
    ]


@pytest.mark.parametrize(
    ("choice", "kernel", "status", "text"),
    [
        ("auto", Support("whole", "Landlock 7"), "ok", "only the session's folders (Landlock 7)"),
        ("auto", Support("partial", "old"), "warn", "not completely confined: old"),
        ("auto", Support("none", "missing"), "warn", "not confined: missing"),
        ("require", Support("whole", "Landlock 7"), "ok", "only the session's folders (Landlock 7)"),
        ("require", Support("partial", "old"), "fail", "is required, and missing: old"),
        ("off", Support("whole", "Landlock 7"), "warn", "every file that you may"),
    ],
)
def test_it_is_said_what_confines_commands(
    home: Path, choice: str, kernel: Support, status: str, text: str
) -> None:
    (found,) = about(check(home, f'sandbox = "{choice}"', kernel=kernel), "sandbox")
    assert found.status == status
    assert text in found.text


def test_text_has_a_mark_per_finding_and_a_verdict() -> None:
    good, bad = Finding("a", "ok", "fine"), Finding("b", "fail", "broken", "mend it")
    plain = Style(enabled=False)
    assert as_text([good], plain).splitlines() == ["ok    a           fine", "", "the agent can run"]
    assert as_text([good, bad], plain).splitlines()[1:] == [
        "FAIL  b           broken",
        "                  -> mend it",
        "",
        "the agent cannot run; see FAIL above",
    ]


@pytest.mark.parametrize(("toml", "code"), [("model = 'scripted/tour'", 0), ("nonsense = 1", 3)])
def test_exit_code_and_json_agree(
    tmp_path: Path, toml: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(toml, "utf-8")
    assert main(["doctor", "--json", "--config", str(file), "--cwd", str(tmp_path)]) == code
    report: Mapping[str, object] = json.loads(capsys.readouterr().out)
    assert report["ok"] is (code == 0)
    assert isinstance(report["findings"], list)
