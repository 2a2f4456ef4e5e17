"""Permission rules: how they are written, what they match, which of them wins."""

from __future__ import annotations

import re
from pathlib import PurePath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import JsonObject
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.permission.patterns import matches_glob, parse_pattern, path_matches
from acp_agent.engine.permission.rules import MAX_TEXT, Rule, Rules, Ruling, ToolUse, parse_rule
from acp_agent.model import events
from acp_agent.model.permission import Access, Effect, ShellCommand, ShellLine
from tests.engine.conftest import Tool, open_stage

ROOTS = (PurePath("/repo"), PurePath("/other"))


def rules(*, allow: str = "", ask: str = "", deny: str = "") -> Rules:
    """Rules from texts separated by semicolons."""
    parsed: list[tuple[Rule, ...]] = [
        tuple(parse_rule(text) for text in texts.split(";") if text) for texts in (allow, ask, deny)
    ]
    return Rules(*parsed)


def file(tool: str, path: str, effect: Effect = "write") -> ToolUse:
    return ToolUse(tool, {"path": path}, Access(effect, "edit", (path,)))


def plain(*commands: str, harmless: tuple[str, ...] = ()) -> ToolUse:
    """A plain line of these commands."""
    calls = tuple(ShellCommand(tuple(text.split()), harmless=text in harmless) for text in commands)
    text = " && ".join(commands)
    line = ShellLine(text, calls=calls, canonical=text, found=calls)
    return ToolUse("bash", {"command": text}, Access("execute", f"bash:{text}", line=line))


def unclear(text: str, *found: ShellCommand, complete: bool = True, oversized: bool = False) -> ToolUse:
    line = ShellLine(text, unclear="…", found=found, complete=complete, oversized=oversized)
    return ToolUse("bash", {"command": text}, Access("execute", f"bash:{text}", line=line))


@pytest.mark.parametrize(
    ("text", "tool", "pattern"),
    [
        ("Bash", "bash", None),
        (" bash ( npm test ) ", "bash", "npm test"),
        ("Bash(echo (a) b)", "bash", "echo (a) b"),
        ("mcp__git-hub__*", "mcp__git-hub__*", None),
        ("Edit(a\nb)", "edit", "a\nb"),
    ],
)
def test_a_rule_is_a_tool_and_maybe_a_pattern(text: str, tool: str, pattern: str | None) -> None:
    expected = None if pattern is None else parse_pattern(pattern)
    assert parse_rule(text) == Rule(text, tool, expected)


@pytest.mark.parametrize(
    "text", ["", "(x)", "Bash()", "Bash( )", "Bash(:*)", "Bash(x", "Bash x", "a b(c)", f"Edit({'x' * 1001})"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"`Tool|pattern"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("rule", "tool", "expected"),
    [
        ("BASH", "bash", True),
        ("bash", "bash2", False),
        ("*", "mcp__gh__push", True),
        ("mcp__gh", "mcp__gh__push", True),
        ("mcp__GH", "mcp__gh__Push", True),
        ("mcp__gh", "mcp__gh", True),
        ("mcp__gh", "mcp__ghost__push", False),
        ("mcp__gh__*", "mcp__gh__push", True),
        ("mcp__gh__push", "mcp__gh__push_all", False),
        ("mcp__*__delete_*", "mcp__gh__delete_repo", True),
        ("read", "mcp__gh__read", False),
    ],
)
def test_the_tools_a_rule_names(rule: str, tool: str, *, expected: bool) -> None:
    assert parse_rule(rule).names(tool) is expected


@pytest.mark.parametrize(
    ("pattern", "path", "allows", "denies"),
    [
        ("src/a.py", "/repo/src/a.py", True, True),
        ("./src/a.py", "/repo/src/a.py", True, True),
        ("/repo/src/a.py", "/repo/src/a.py", True, True),
        ("src/a.py", "/other/src/a.py", True, True),  # each root has its own
        ("src/a.py", "/repo/lib/src/a.py", False, False),
        ("src/*", "/repo/src/a.py", True, True),
        ("src/*", "/repo/src/deep/a.py", False, True),
        ("src/**", "/repo/src/deep/a.py", True, True),
        ("src:*", "/repo/src/deep/a.py", True, True),
        ("src:*", "/repo/src-evil/a.py", False, False),
        ("src/?.py", "/repo/src/a.py", True, True),
        ("src?a.py", "/repo/src/a.py", False, False),
        ("*", "/repo/src/deep/a.py", True, True),
        ("*", "/elsewhere/a", True, True),
        ("**/.env", "/repo/.env", True, True),
        ("**/.env", "/repo/pkg/.env", True, True),
        ("**/.env", "/repo/.env.sample", False, False),
        (".env", "/repo/pkg/.env", False, False),
        (".env", "/repo/.ENV", False, True),
        ("r\u00e9sum\u00e9", "/repo/re\u0301sume\u0301", False, True),
        ("secrets", "/repo/secrets/key", False, True),
        ("secrets/", "/repo/secrets/key", False, True),
        ("secrets/", "/repo/secrets", True, True),
        (".*", "/repo/src/a.py", False, False),  # the root itself is not what a pattern for names means
        ("**/re*", "/repo/src/a.py", False, False),
        ("repo", "/repo/src/a.py", False, False),
        ("/repo", "/repo/src/a.py", False, False),
        ("/etc/**", "/repo/etc/passwd", False, False),
        ("etc/**", "/etc/passwd", False, False),
        ("/etc/**", "/etc/passwd", True, True),
    ],
)
def test_the_paths_a_pattern_means(pattern: str, path: str, *, allows: bool, denies: bool) -> None:
    assert (path_matches(parse_pattern(pattern), path, ROOTS, strictly=True)) is allows
    assert (path_matches(parse_pattern(pattern), path, ROOTS, strictly=False)) is denies
    ruling: Ruling | None = "allow" if allows else None
    assert rules(allow=f"Edit({pattern})").judge(file("edit", path), ROOTS) == ruling
    ruling = "deny" if denies else None
    assert rules(deny=f"Edit({pattern})").judge(file("edit", path), ROOTS) == ruling


def test_a_call_is_allowed_only_if_all_its_files_are() -> None:
    both = ToolUse("move", {}, Access("write", "move", ("/repo/src/a", "/repo/lib/a")))
    assert rules(allow="move(src/**)").judge(both, ROOTS) is None
    assert rules(allow="move(src/**);move(lib/a)").judge(both, ROOTS) == "allow"
    assert rules(deny="move(src/**)").judge(both, ROOTS) == "deny"


@pytest.mark.skipif(not isinstance(PurePath(), PureWindowsPath), reason="paths are the platform's own")
def test_patterns_on_windows_are_written_with_slashes() -> None:
    roots = (PurePath("C:/repo"),)
    for pattern in ("src/**", "C:/repo/src/**"):
        assert path_matches(parse_pattern(pattern), r"C:\repo\src\a.py", roots, strictly=True)


@pytest.mark.parametrize(
    ("rule", "tool", "arguments"),
    [
        ("Glob(**/*.pem)", "glob", {"pattern": "src/**/*.pem"}),
        ("Grep(password*)", "grep", {"pattern": "password", "path": "src"}),
        ("Grep(password .)", "grep", {"pattern": "password"}),
        ('mcp__gh__push({"force":true*)', "mcp__gh__push", {"force": True, "url": "http://a/b"}),
    ],
)
def test_other_tools_are_matched_by_what_they_are_given(rule: str, tool: str, arguments: JsonObject) -> None:
    use = ToolUse(tool, arguments, Access("other", tool))
    assert rules(deny=rule).judge(use, ROOTS) == "deny"
    assert rules(deny=rule).judge(ToolUse(tool, {"x": 1}, use.access), ROOTS) is None


def test_a_search_is_matched_by_its_folder_too() -> None:
    use = ToolUse("grep", {"pattern": "x", "path": "secrets"}, Access("read", "read", ("/repo/secrets",)))
    assert rules(deny="Grep(secrets/**)").judge(use, ROOTS) is None
    assert rules(deny="Grep(secrets)").judge(use, ROOTS) == "deny"
    assert rules(ask="*(secrets)").judge(use, ROOTS) == "ask"


def test_an_argument_too_long_to_compare_is_asked_about() -> None:
    use = ToolUse("mcp__gh__push", {"text": "x" * MAX_TEXT}, Access("other", "mcp__gh__push"))
    assert rules(deny="mcp__gh__push(*evil*)").judge(use, ROOTS) == "ask"
    assert rules(allow="mcp__gh__push(**)").judge(use, ROOTS) is None
    assert rules(allow="mcp__gh__push").judge(use, ROOTS) == "allow"


@pytest.mark.parametrize(
    ("pattern", "command", "allows", "denies"),
    [
        ("npm test", "npm test", True, True),
        ("npm test", "npm test --evil", False, False),
        ("npm:*", "npm test --evil", True, True),
        ("npm:*", "npmx test", False, False),
        ("npm:*", "npm/evil test", False, False),
        ("npm :*", "npm test", True, True),
        ("npm run *", "npm run a", True, True),
        ("npm run *", "npm run ../../a", False, True),
        ("npm run **", "npm run ../../a", True, True),
        ("*", "rm -rf /", True, True),
    ],
)
def test_the_commands_a_pattern_means(pattern: str, command: str, *, allows: bool, denies: bool) -> None:
    ruling: Ruling | None = "allow" if allows else None
    assert rules(allow=f"Bash({pattern})").judge(plain(command), ROOTS) == ruling
    ruling = "deny" if denies else None
    assert rules(deny=f"Bash({pattern})").judge(plain(command), ROOTS) == ruling


def test_a_line_is_allowed_only_if_each_command_is() -> None:
    held = rules(allow="Bash(npm test);Bash(make:*)")
    assert held.judge(plain("npm test", "make all"), ROOTS) == "allow"
    assert held.judge(plain("npm test", "rm x"), ROOTS) is None
    assert held.judge(plain("npm test", "tail -5", harmless=("tail -5",)), ROOTS) == "allow"
    assert rules(deny="Bash(rm:*)").judge(plain("npm test", "rm x"), ROOTS) == "deny"


def test_words_are_not_confused_with_blanks_inside_them() -> None:
    call = ShellCommand(("npm test", "x"))
    line = ShellLine("'npm test' x", calls=(call,), canonical="'npm test' x", found=(call,))
    use = ToolUse("bash", {}, Access("execute", "s", line=line))
    assert rules(allow="Bash(npm test:*)").judge(use, ROOTS) is None
    assert rules(deny="Bash(npm test:*)").judge(use, ROOTS) == "deny"


@pytest.mark.parametrize("allow", ["Bash", "Bash(*)", "Bash(**)", "*"])
def test_no_rule_allows_a_line_that_is_not_plain(allow: str) -> None:
    held = rules(allow=allow)
    assert held.judge(plain("anything at all"), ROOTS) == "allow"
    assert held.judge(unclear("echo $(x)", ShellCommand(("echo",), complete=False)), ROOTS) is None
    assert held.judge(unclear("", complete=False, oversized=True), ROOTS) is None


def test_a_forbidden_program_is_known_by_all_its_names() -> None:
    command = ShellCommand(("./link", "-rf", "x"), names=("link", "/usr/bin/rm", "rm"))
    assert rules(deny="Bash(rm:*)").judge(unclear("./link -rf x", command), ROOTS) == "deny"
    assert rules(deny="Bash(/usr/bin/rm -rf *)").judge(unclear("./link -rf x", command), ROOTS) == "deny"
    assert rules(allow="Bash(rm:*)").judge(plain("./link -rf x"), ROOTS) is None


def test_the_line_as_written_can_be_forbidden() -> None:
    assert rules(deny="Bash(*/etc/*)").judge(unclear("echo x > /etc/passwd"), ROOTS) == "deny"


@pytest.mark.parametrize(
    ("words", "deny", "ruling"),
    [
        ((), "Bash(rm:*)", "ask"),  # $X -rf
        (("git",), "Bash(git push:*)", "ask"),  # git $X
        (("git",), "Bash(git *)", "ask"),
        (("git",), "Bash(github:*)", None),
        (("git", "push"), "Bash(git push:*)", "deny"),  # git push $X
        (("git", "log"), "Bash(git push:*)", None),
        (("echo",), "Bash(rm:*)", None),
        (("echo",), "Bash(*secret)", "ask"),
    ],
)
def test_what_cannot_be_seen_is_asked_about_where_a_rule_could_mean_it(
    words: tuple[str, ...], deny: str, ruling: Ruling | None
) -> None:
    use = unclear("…", ShellCommand(words, complete=False))
    assert rules(deny=deny).judge(use, ROOTS) == ruling
    assert rules(ask=deny).judge(use, ROOTS) == ("ask" if ruling else None)


def test_a_line_that_was_not_understood_is_asked_about_if_any_command_is_forbidden() -> None:
    assert rules(deny="Bash(rm:*)").judge(unclear("((", complete=False), ROOTS) == "ask"
    assert rules(ask="Bash(rm:*)").judge(unclear("((", complete=False), ROOTS) == "ask"
    assert rules(deny="Edit(x)", allow="Bash").judge(unclear("((", complete=False), ROOTS) is None
    assert rules(deny="Bash").judge(unclear("((", complete=False), ROOTS) == "deny"


def test_deny_comes_before_ask_and_ask_before_allow() -> None:
    use = plain("npm test")
    assert rules(allow="Bash", ask="Bash", deny="Bash").judge(use, ROOTS) == "deny"
    assert rules(allow="Bash", ask="Bash").judge(use, ROOTS) == "ask"
    assert rules(allow="Bash").judge(use, ROOTS) == "allow"
    assert rules().judge(use, ROOTS) is None


RULE_TEXTS = st.sampled_from(["Bash", "*", "Bash(npm:*)", "Bash(*test)", "Bash(rm *)", "Edit", "Bash(**)"])
SOME = st.lists(RULE_TEXTS, max_size=3).map(";".join)


@given(SOME, SOME, SOME, st.sampled_from(["npm test", "rm x", "make"]))
def test_adding_a_rule_to_allow_never_lifts_a_restriction(allow: str, ask: str, deny: str, text: str) -> None:
    without = rules(ask=ask, deny=deny).judge(plain(text), ROOTS)
    with_it = rules(allow=allow, ask=ask, deny=deny).judge(plain(text), ROOTS)
    assert with_it == without or (without is None and with_it == "allow")
    strictest = rules(allow=allow, ask=ask, deny=f"{deny};Bash({text})").judge(plain(text), ROOTS)
    assert strictest == "deny"


def test_rules_about_reading_make_commands_that_read_like_any_other() -> None:
    line = ShellLine("cat a", calls=(ShellCommand(("cat", "a")),), canonical="cat a")
    reads = Access("read", "bash:cat a", ("/repo/a",), line)
    for restricting in (rules(deny="Read(secrets/**)"), rules(ask="*(x)"), rules(deny="GREP")):
        assert restricting.weigh(reads).effect == "execute"
    for other in (rules(), rules(allow="Read(a)"), rules(deny="Edit;Bash(rm:*)")):
        assert other.weigh(reads) == reads
    no_files = Access("read", "bash:echo", (), line)
    assert rules(deny="Read(x)").weigh(no_files) == no_files


TEXTS = st.text(alphabet="ab/.", max_size=12)


@given(glob=st.text(alphabet="ab/.*?", max_size=8), text=TEXTS, crossing=st.booleans())
def test_globs_match_like_regular_expressions(glob: str, text: str, *, crossing: bool) -> None:
    tokens: list[str] = re.findall(r"\*+|.", glob)
    free = "." if crossing else "[^/]"
    meaning = {"?": free, "*": f"{free}*"}
    pattern = "".join(meaning.get(token, ".*" if token[0] == "*" else re.escape(token)) for token in tokens)
    expected = glob == "*" or re.fullmatch(pattern, text) is not None
    assert matches_glob(glob, text, crossing=crossing) is expected


def test_no_pattern_takes_long() -> None:
    assert not matches_glob("*a" * 500, "a" * 20_000 + "b", crossing=True)


def test_a_tool_that_can_never_run_is_not_offered() -> None:
    held = rules(deny="Bash;Edit(x);mcp__gh", ask="ls")
    assert [name for name in ("bash", "edit", "ls", "mcp__gh__push") if held.removes(name)] == [
        "bash",
        "mcp__gh__push",
    ]


@pytest.mark.parametrize("mode", ["ask", "accept-edits", "plan", "auto"])
async def test_a_denied_call_does_not_run_in_any_mode(mode: str) -> None:
    tool = Tool("echo", "execute")
    defaults = Defaults("scripted/script", rules=rules(deny="Echo({*)"))
    async with open_stage("call: echo {}\n---\nsay: ok", tool, defaults=defaults) as stage:
        await stage.session.set_mode(mode)
        await stage.prompt("go")
        (answer,) = stage.host.of(events.CallAnswered)
        assert isinstance(answer, events.CallAnswered)
        assert "rule of the user forbids" in str(answer.content)
        assert (stage.host.asked, tool.runs) == ([], [])


async def test_an_allowed_call_runs_unasked_and_one_to_ask_about_is_asked_each_time() -> None:
    tool = Tool("echo", "execute")
    script = "call: echo {}\n---\ncall: echo {}\n---\nsay: ok"
    async with open_stage(
        script, tool, defaults=Defaults("scripted/script", rules=rules(allow="echo"))
    ) as stage:
        await stage.prompt("go")
        assert (len(stage.host.asked), len(tool.runs)) == (0, 2)
    reading = Tool("echo", "read")
    defaults = Defaults("scripted/script", "auto", rules=rules(ask="echo", allow="echo"))
    async with open_stage(script, reading, defaults=defaults) as stage:
        await stage.prompt("go")
        assert [len(asked.choices) for asked in stage.host.asked] == [2, 2]


async def test_a_removed_tool_is_unknown_to_the_model_and_a_rule_without_a_tool_is_told() -> None:
    defaults = Defaults("scripted/script", rules=rules(deny="echo;bosh(rm:*);mcp__later"))
    script = "call: echo {}\n---\nsay: ok"
    async with open_stage(script, Tool("echo", "execute"), Tool("other"), defaults=defaults) as stage:
        await stage.prompt("go")
        assert "There is no tool `echo`. Use one of: other." in str(stage.host.of(events.CallAnswered))
        (notice,) = stage.host.of(events.Noticed)
        assert isinstance(notice, events.Noticed)
        assert notice.title == "A permission rule is about the tool `bosh`, which does not exist"


async def test_a_live_session_takes_up_the_rules_it_is_opened_with_again() -> None:
    tool = Tool("echo", "execute")
    async with open_stage("call: echo {}\n---\nsay: ok", tool) as stage:
        defaults = Defaults("scripted/script", rules=rules(deny="echo(*)"))
        opening = type(stage.opening)(stage.opening.host, stage.opening.workspace, defaults)
        assert await stage.core.open(stage.session.id, opening) is stage.session
        await stage.prompt("go")
        assert (stage.host.asked, tool.runs) == ([], [])


def test_a_page_is_matched_by_its_host_or_its_address() -> None:
    page = ToolUse(
        "web_fetch", {"url": "https://docs.example.org/a/b"}, Access("other", "web_fetch docs.example.org")
    )
    for pattern in ("docs.example.org", "*.example.org", "https://docs.example.org/**"):
        assert rules(allow=f"web_fetch({pattern})").judge(page, ROOTS) == "allow", pattern
    assert rules(deny="web_fetch(*.example.org)").judge(page, ROOTS) == "deny"
    assert rules(allow="web_fetch(example.org)").judge(page, ROOTS) is None
