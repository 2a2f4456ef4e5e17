"""Who may do what, as a table and as laws."""

from __future__ import annotations

from pathlib import PurePath, PureWindowsPath
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.engine.permission import policy
from acp_agent.engine.permission.policy import Grants, Verdict, decide
from acp_agent.engine.permission.rules import Ruling
from acp_agent.model.permission import Access, Decision, Effect, ShellCommand, ShellLine
from acp_agent.model.session import MODES, ModeId

ROOTS = (PurePath("/repo"), PurePath("/other"))
ORDINARY = "/repo/src/main.py"
PROTECTED = "/repo/.git/config"

MODE_IDS: tuple[ModeId, ...] = get_args(ModeId)
EFFECTS: tuple[Effect, ...] = get_args(Effect)
DECISIONS: tuple[Decision, ...] = get_args(Decision)
CHANGING: tuple[Effect, ...] = ("write", "execute", "other")

SUBJECTS = st.sampled_from(["rm -rf build", "write a", "mcp tool"])
PATHS = st.lists(st.sampled_from([ORDINARY, PROTECTED, "/other/.ENVRC", "/elsewhere/x"]), max_size=3)
RULINGS = st.sampled_from((None, *get_args(Ruling)))
ACCESSES = st.builds(Access, st.sampled_from(EFFECTS), SUBJECTS, PATHS.map(tuple))
GRANTS = st.builds(Grants, st.sets(SUBJECTS), st.sets(SUBJECTS))


@pytest.mark.parametrize(
    ("mode", "effect", "grant", "path", "verdict"),
    [
        # reading and thinking: always
        *((mode, effect, grant, path, "allow")
          for mode in MODE_IDS for effect in ("none", "read")
          for grant in ("", "allowed") for path in (ORDINARY, PROTECTED)),
        # plan: nothing else, whatever was granted
        *(("plan", effect, grant, path, "deny")
          for effect in CHANGING for grant in ("", "allowed", "rejected") for path in (ORDINARY, PROTECTED)),
        # rejected for good: never
        *((mode, effect, "rejected", path, "deny")
          for mode in MODE_IDS for effect in EFFECTS for path in (ORDINARY, PROTECTED)),
        # files that control other programs: each time anew
        *((mode, effect, grant, PROTECTED, "ask_each_time")
          for mode in ("ask", "accept-edits", "auto") for effect in CHANGING for grant in ("", "allowed")),
        # the rest
        *((mode, effect, "allowed", ORDINARY, "allow")
          for mode in ("ask", "accept-edits", "auto") for effect in CHANGING),
        *(("ask", effect, "", ORDINARY, "ask") for effect in CHANGING),
        ("accept-edits", "write", "", ORDINARY, "allow"),
        ("accept-edits", "execute", "", ORDINARY, "ask"),
        ("accept-edits", "other", "", ORDINARY, "ask"),
        *(("auto", effect, "", ORDINARY, "allow") for effect in CHANGING),
    ],
)  # fmt: skip
def test_the_table_of_verdicts(mode: ModeId, effect: Effect, grant: str, path: str, verdict: Verdict) -> None:
    grants = Grants({"s"} if grant == "allowed" else set(), {"s"} if grant == "rejected" else set())
    assert decide(mode, Access(effect, "s", (path,)), grants, ROOTS) == verdict


@given(st.sampled_from(MODE_IDS), ACCESSES, GRANTS, RULINGS)
def test_deny_wins_over_every_grant(
    mode: ModeId, access: Access, grants: Grants, ruling: Ruling | None
) -> None:
    denied = access.subject in grants.rejected or ruling == "deny"
    if denied:
        assert decide(mode, access, grants, ROOTS, ruling) == "deny"
    elif mode != "plan":
        assert decide(mode, access, grants, ROOTS, ruling) != "deny"


@given(ACCESSES, GRANTS, RULINGS)
def test_plan_mode_changes_nothing(access: Access, grants: Grants, ruling: Ruling | None) -> None:
    if access.effect in CHANGING:
        assert decide("plan", access, grants, ROOTS, ruling) == "deny"


@given(st.sampled_from(["ask", "accept-edits", "auto"]), ACCESSES, GRANTS)
def test_a_rule_to_ask_asks_in_every_mode_and_is_not_answered_for_good(
    mode: ModeId, access: Access, grants: Grants
) -> None:
    if access.subject not in grants.rejected:
        assert decide(mode, access, grants, ROOTS, "ask") == "ask_each_time"


@given(st.sampled_from(["ask", "accept-edits", "auto"]), ACCESSES, GRANTS)
def test_a_rule_to_allow_allows_all_but_protected_files(mode: ModeId, access: Access, grants: Grants) -> None:
    touches = any(policy.is_protected(path, ROOTS) for path in access.paths)
    if access.subject not in grants.rejected and not (touches and access.effect in CHANGING):
        assert decide(mode, access, grants, ROOTS, "allow") == "allow"


PLAIN = ShellLine("npm test", calls=(ShellCommand(("npm", "test")),), canonical="npm test")
UNCLEAR = ShellLine("npm test &", unclear="…")
OVERSIZED = ShellLine("", unclear="…", complete=False, oversized=True)


@pytest.mark.parametrize(
    ("line", "mode", "verdict"),
    [
        (PLAIN, "ask", "ask"),
        (PLAIN, "accept-edits", "ask"),
        (PLAIN, "auto", "allow"),
        (UNCLEAR, "ask", "ask_each_time"),
        (UNCLEAR, "accept-edits", "ask_each_time"),
        (UNCLEAR, "auto", "allow"),
        *((OVERSIZED, mode, "ask_each_time") for mode in ("ask", "accept-edits", "auto")),
        *((line, "plan", "deny") for line in (PLAIN, UNCLEAR, OVERSIZED)),
    ],
)
def test_the_verdict_on_a_command(line: ShellLine, mode: ModeId, verdict: Verdict) -> None:
    assert decide(mode, Access("execute", "bash:x", line=line), Grants(), ROOTS) == verdict


def test_only_a_plain_command_is_allowed_by_an_earlier_answer() -> None:
    granted = Grants({"bash:npm test", "bash:npm test &"})
    assert decide("ask", Access("execute", "bash:npm test", line=PLAIN), granted, ROOTS) == "allow"
    unclear = Access("execute", "bash:npm test &", line=UNCLEAR)
    assert decide("ask", unclear, granted, ROOTS) == "ask_each_time"


@given(st.sampled_from(MODE_IDS), ACCESSES, GRANTS)
def test_a_protected_file_is_never_changed_unasked_nor_remembered(
    mode: ModeId, access: Access, grants: Grants
) -> None:
    touches = any(policy.is_protected(path, ROOTS) for path in access.paths)
    if touches and access.effect in CHANGING:
        assert decide(mode, access, grants, ROOTS) in ("deny", "ask_each_time")


@given(st.sampled_from(["ask", "accept-edits"]), st.sampled_from(["execute", "other"]), SUBJECTS, GRANTS)
def test_what_nobody_decided_is_asked(mode: ModeId, effect: Effect, subject: str, grants: Grants) -> None:
    grants.allowed.discard(subject)
    grants.rejected.discard(subject)
    assert decide(mode, Access(effect, subject, (ORDINARY,)), grants, ROOTS) == "ask"


@given(st.sampled_from(MODE_IDS), ACCESSES, GRANTS, st.sampled_from(DECISIONS))
def test_only_an_always_answer_is_remembered(
    mode: ModeId, access: Access, grants: Grants, decision: Decision
) -> None:
    before = decide(mode, access, grants, ROOTS)
    policy.remember(grants, access.subject, decision)
    after = decide(mode, access, grants, ROOTS)
    if not decision.endswith("_always"):
        assert after == before
    if decision == "allow_always" and before != "allow":
        assert after in ("allow", before)


def test_a_question_that_cannot_be_remembered_offers_no_always() -> None:
    access = Access("execute", "s")
    assert [choice.id for choice in policy.choices("ask_each_time", access)] == ["allow_once", "reject_once"]
    assert {choice.id for choice in policy.choices("ask", access)} == {*DECISIONS} - {"dismissed"}


@pytest.mark.parametrize(
    ("access", "label"),
    [
        (Access("execute", "bash:npm test", line=PLAIN), "Always allow `npm test`"),
        (Access("execute", "s", line=ShellLine("", canonical="x" * 44)), f"Always allow `{'x' * 44}`"),
        (Access("execute", "s", line=ShellLine("", canonical="x" * 45)), "Always allow this exact command"),
        (Access("execute", "s", line=ShellLine("", canonical="echo '`'")), "Always allow this exact command"),
        (Access("execute", "s", line=ShellLine("", canonical="a\u202eb")), "Always allow this exact command"),
        (Access("write", "edit", (ORDINARY,)), "Always allow all edits"),
        (Access("other", "mcp__gh__push"), "Always allow `mcp__gh__push`"),
        (Access("other", "mcp__" + "x" * 60), "Always allow this"),
    ],
)
def test_a_label_says_what_always_covers(access: Access, label: str) -> None:
    allow, reject = policy.choices("ask", access)[1::2]
    assert (allow.label, reject.label) == (label, label.replace("allow", "reject"))


@given(ACCESSES | st.builds(Access, st.just("execute"), st.text(), line=st.builds(ShellLine, st.text())))
def test_labels_are_short(access: Access) -> None:
    labels = [choice.label for choice in policy.choices("ask", access)]
    assert max(map(len, labels)) <= policy.MAX_LABEL
    assert all(label.isprintable() for label in labels)


@pytest.mark.parametrize("mode", [mode.id for mode in MODES])
def test_every_mode_has_a_sentence_for_a_denial(mode: ModeId) -> None:
    assert policy.denial(mode).endswith((".", "ask."))
    assert "rule of the user" in policy.denial(mode, "deny")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/repo/.git/hooks/pre-commit", True),
        ("/repo/.GIT/config", True),
        ("/repo/a/b/.vscode/tasks.json", True),
        ("/repo/AGENTS.md", True),
        ("/repo/.git", True),
        ("/repo/git/config", False),
        ("/repo/.gitignore", False),
        ("/repo", False),
        ("/elsewhere/.ssh/id_rsa", True),
        ("/elsewhere/plain", False),
        ("/repo/.config/acp-agent/config.toml", True),
        ("/repo/.local/share/acp-agent/trusted.json", True),
        ("/repo/Library/Application Support/acp-agent/config.toml", True),
        ("/repo/.a3s/agents/helper.md", True),
        ("/repo/.yarnrc.yml", True),
        ("/repo/.g\u200cit/config", True),
        ("/repo/.git. /config", True),
        ("/repo/git~1/config", True),
    ],
)
def test_protected_names_count_anywhere_and_in_any_case(path: str, *, expected: bool) -> None:
    assert policy.is_protected(path, ROOTS) is expected


def test_a_session_inside_a_folder_with_a_protected_name_can_work() -> None:
    roots = (PurePath("/home/me/.claude/worktree"),)
    assert not policy.is_protected("/home/me/.claude/worktree/src/a.py", roots)
    assert policy.is_protected("/home/me/.claude/worktree/.git/config", roots)


def test_windows_paths_are_judged_by_the_same_names() -> None:
    # `decide` is given the platform's own paths; here only the parts matter.
    assert any(part.casefold() in policy.PROTECTED for part in PureWindowsPath(r"C:\repo\.Git\config").parts)
