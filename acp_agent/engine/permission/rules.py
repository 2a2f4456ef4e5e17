"""Permission rules such as `Bash(npm test:*)`: what the settings say about one call.

A rule names a tool, in any case and with `*`, and may narrow it down to the calls whose argument matches a
pattern. Rules that restrict match generously: every spelling of a command or file, everything below a
directory, one of several files. Rules that allow match strictly: a shell line must be plain, and all of the
call must be covered. What a ruling means in which mode, `policy` decides.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonObject, dump_text
from acp_agent.engine.permission.patterns import Pattern, matches_glob, parse_pattern, path_matches
from acp_agent.model.permission import Access, ShellCommand, ShellLine

Ruling: TypeAlias = Literal["deny", "ask", "allow"]
"""What the rules say; where they say nothing, the session's mode and the user decide."""

RuleScope: TypeAlias = Literal["user", "project", "session"]
"""Who wrote a rule. All hold together: none lifts another's."""

READING = ("read", "ls", "glob", "grep")
"""Tools that show files."""

DOES_AS = {"patch": "edit", "git": "bash"}
"""Tools that do what another does in another form: a rule about that one is about them too."""

MAX_TEXT = 20_000
"""Characters of an argument that are compared; a longer one is asked about where a rule could mean it."""

_RULE = re.compile(r"([\w.*-]{1,100})\s*(?:\((.*)\))?", re.DOTALL)


class Rule(msgspec.Struct, frozen=True):
    """One rule. `tool` is in lower case; without a `pattern` it covers every call of the tool."""

    text: str
    tool: str
    pattern: Pattern | None = None
    scope: RuleScope = "user"

    def names(self, tool: str) -> bool:
        """Whether it is about this tool; `mcp__server` is about all tools of that server."""
        name = tool.lower()
        if self.tool.startswith("mcp__") and name.startswith(f"{self.tool}__"):
            return True
        names = {name, DOES_AS.get(name, name)}
        return any(matches_glob(self.tool, one, crossing=True) for one in names)


class ToolUse(msgspec.Struct, frozen=True):
    """One call as rules see it."""

    tool: str
    arguments: JsonObject
    access: Access


class Rules(msgspec.Struct, frozen=True):
    """All rules of a session. Deny comes before ask, ask before allow."""

    allow: tuple[Rule, ...] = ()
    ask: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()

    def joined(self, other: Rules) -> Rules:
        """The rules of both."""
        return Rules(self.allow + other.allow, self.ask + other.ask, self.deny + other.deny)

    def judge(self, use: ToolUse, roots: Collection[PurePath]) -> Ruling | None:
        """What they say about this call."""
        deny = [rule for rule in self.deny if rule.names(use.tool)]
        if _restrict(deny, use, roots):
            return "deny"
        ask = [rule for rule in self.ask if rule.names(use.tool)]
        if _restrict(ask, use, roots) or _may_restrict((*deny, *ask), use):
            return "ask"
        allow = [rule for rule in self.allow if rule.names(use.tool)]
        if allow and _permit(allow, use, roots):
            return "allow"
        return None

    def weigh(self, access: Access) -> Access:
        """The access as it counts under these rules.

        A command that reads files counts as one that could do anything if a rule restricts the tools that
        read: which of the files it would show can be told for those tools only.
        """
        if access.line is None or access.effect != "read" or not access.paths:
            return access
        restricted = any(rule.names(tool) for rule in (*self.ask, *self.deny) for tool in READING)
        return msgspec.structs.replace(access, effect="execute") if restricted else access

    def removes(self, tool: str) -> bool:
        """Whether no call of this tool could ever run, so that the model need not know of it."""
        return any(rule.pattern is None and rule.names(tool) for rule in self.deny)

    def unknown_tools(self, tools: Iterable[str]) -> list[str]:
        """Tools they name that are none of these; those of MCP servers are left out, for they come later."""
        known = tuple(tools)
        return [
            rule.tool
            for rule in (*self.deny, *self.ask, *self.allow)
            if not rule.tool.startswith("mcp_") and not any(map(rule.names, known))
        ]


def parse_rule(text: str, scope: RuleScope = "user") -> Rule:
    """The rule written as `Tool` or `Tool(pattern)`.

    Raises:
        ValueError: it is not written so; says what is wrong.
    """
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise ValueError("it is not written as `Tool` or `Tool(pattern)`")
    pattern = None if match[2] is None else parse_pattern(match[2].strip())
    return Rule(text, match[1].lower(), pattern, scope)


def session_rules(rulings: Mapping[str, Ruling]) -> Rules:
    """The rules that were written in a session itself."""

    def ruled(wanted: Ruling) -> tuple[Rule, ...]:
        return tuple(parse_rule(text, "session") for text, ruling in rulings.items() if ruling == wanted)

    return Rules(allow=ruled("allow"), ask=ruled("ask"), deny=ruled("deny"))


def _restrict(rules: Collection[Rule], use: ToolUse, roots: Collection[PurePath]) -> bool:
    """Whether one of them is certainly about this call."""
    if any(rule.pattern is None for rule in rules):
        return True
    patterns = [rule.pattern for rule in rules if rule.pattern]
    if not patterns:
        return False
    line = use.access.line
    if line is not None:
        texts = _spoken(line)
        return any(
            pattern.matches(text, ends_word=" ", crossing=True) for pattern in patterns for text in texts
        )
    texts = [text for text in _arguments(use) if len(text) <= MAX_TEXT]
    return any(
        any(path_matches(pattern, path, roots, strictly=False) for path in use.access.paths)
        or any(pattern.matches(text, crossing=True) for text in texts)
        for pattern in patterns
    )


def _may_restrict(rules: Iterable[Rule], use: ToolUse) -> bool:
    """Whether one of them could be about something in this call that cannot be seen."""
    heads = [rule.pattern.head for rule in rules if rule.pattern]
    line = use.access.line
    if line is None:
        return bool(heads) and any(len(text) > MAX_TEXT for text in _arguments(use))
    if not line.complete:
        return bool(heads)
    open_ended = (command for command in line.found if not command.complete)
    starts = [" ".join((*words, "")) for command in open_ended for words in _spellings(command)]
    return any(head.startswith(start) or start.startswith(head) for head in heads for start in starts)


def _permit(rules: Collection[Rule], use: ToolUse, roots: Collection[PurePath]) -> bool:
    """Whether they cover everything the call does."""
    covers_all = any(rule.pattern is None for rule in rules)
    patterns = [rule.pattern for rule in rules if rule.pattern]
    line = use.access.line
    if line is not None:
        return bool(line.calls) and all(
            covers_all or call.harmless or _match_any(patterns, shlex.join(call.words), ends_word=" ")
            for call in line.calls
        )
    if covers_all:
        return True
    paths = use.access.paths
    if paths and all(
        any(path_matches(pattern, path, roots, strictly=True) for pattern in patterns) for path in paths
    ):
        return True
    return any(len(text) <= MAX_TEXT and _match_any(patterns, text) for text in _arguments(use))


def _match_any(patterns: Iterable[Pattern], text: str, *, ends_word: str = "") -> bool:
    return any(pattern.matches(text, ends_word=ends_word) for pattern in patterns)


def _spoken(line: ShellLine) -> set[str]:
    """The line and every command in it, in all their spellings."""
    texts = {line.text.strip(), *(command.text for command in line.found)}
    for command in line.found:
        for words in _spellings(command):
            texts |= {" ".join(words), shlex.join(words)}
    return texts - {""}


def _spellings(command: ShellCommand) -> Iterator[tuple[str, ...]]:
    yield command.words
    for name in command.names:
        yield (name, *command.words[1:])


def _arguments(use: ToolUse) -> tuple[str, ...]:
    """What patterns are compared with besides paths and commands."""
    given = use.arguments
    match use.tool.lower():
        case "read" | "write" | "edit" | "patch" | "ls":
            return ()
        case "glob":
            return (str(given.get("pattern", "")),)
        case "grep":
            return (f"{given.get('pattern', '')} {given.get('path') or '.'}",)
        case "web_fetch":
            return (str(given.get("url", "")), use.access.subject.removeprefix("web_fetch "))
        case _:
            return (dump_text(given),)
