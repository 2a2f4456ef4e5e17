"""The subagents every session can delegate to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from acp_agent.engine.permission.narrowing import narrowed
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.model.subagent import AgentKind

_REPORT = (
    "You work for another agent, which sees nothing of what you do but your last message. Say in it all that "
    "it needs, with paths and line numbers, and nothing else. You cannot ask back: where the task leaves a "
    "choice, choose, and say what you chose."
)
_READING = ("read", "ls", "glob", "grep", "bash")

BUILTIN_KINDS: tuple[AgentKind, ...] = (
    AgentKind(
        "explore",
        "Finds out where things are and how they work in the workspace, without changing anything.",
        "You explore a code base to answer one question. Search widely first, then read only what matters. "
        "Follow names to where they are defined and used. Quote the few lines that prove your answer, and "
        f"say what you looked for in vain. {_REPORT}",
        tools=_READING,
        read_only=True,
        max_steps=20,
    ),
    AgentKind(
        "plan",
        "Works out how a change should be made, step by step, without making it.",
        "You plan a change to a code base. Read the code that it touches and what depends on that. Answer "
        "with the steps in the order they should be made, each with its files, the reason for it and how it "
        f"can be checked, then with the risks. Prefer the smallest change that does it. {_REPORT}",
        tools=_READING,
        read_only=True,
        max_steps=30,
    ),
    AgentKind(
        "general",
        "Carries out a task of several steps by itself, with all tools.",
        "You carry out one task from beginning to end. Look before you change, make the smallest change that "
        "does it, keep to the style of what is there, and check your work before you say that it is done. "
        f"{_REPORT}",
        max_steps=50,
        aliases=("general-purpose",),
    ),
    AgentKind(
        "review",
        "Judges a change or a piece of code: faults, risks, what is missing.",
        "You review code. Look for what is wrong, not for what you would have written differently: errors, "
        "cases that were forgotten, unsafe use of input, broken promises, missing tests. Check each "
        "suspicion in the code before you report it. List findings with the worst first, each with its "
        f"place, what goes wrong and when; if there are none, say so. {_REPORT}",
        tools=_READING,
        read_only=True,
        max_steps=25,
        aliases=("code-review", "reviewer"),
    ),
    AgentKind(
        "verification",
        "Checks that something works by running tests and commands, and reports what came out.",
        "You verify a claim about a code base by running it. Find out how the project is built and tested, "
        "run what can show the claim wrong, and report each command with its result. Repair nothing. Say "
        f"plainly whether the claim holds, does not hold or could not be decided. {_REPORT}",
        tools=_READING,
        max_steps=30,
        aliases=("verify", "verifier"),
    ),
)

NOT_FOR_SUBAGENTS = frozenset(("task", "task_status", "task_cancel", "ask_user"))
"""Names of tools that only the session itself has: subagents neither delegate nor talk to the user."""


def known_kinds(found: Iterable[AgentKind]) -> Mapping[str, AgentKind]:
    """The built-in kinds and these by name; of several with one name the last counts."""
    return {kind.name: kind for kind in (*BUILTIN_KINDS, *found)}


def find_kind(kinds: Mapping[str, AgentKind], name: str) -> AgentKind | None:
    """The kind of this name, else the one with this alias."""
    kind = kinds.get(name)
    return kind or next((one for one in kinds.values() if name in one.aliases), None)


def may_use(kind: AgentKind, tool: str) -> bool:
    """Whether the kind has this tool, if its session does."""
    if _is_named(tool, kind.denied_tools):
        return False
    return kind.tools is None or _is_named(tool, kind.tools)


def rules_of(kind: AgentKind, base: Rules) -> Rules:
    """The rules of its session as they hold for this kind.

    Raises:
        ValueError: one of the kind's own rules is not written as one.
    """
    allow, ask, deny = (
        tuple(map(parse_rule, texts)) for texts in (kind.rules.allow, kind.rules.ask, kind.rules.deny)
    )
    return narrowed(base, Rules(allow, ask, deny), kind.rules.default)


def _is_named(tool: str, names: tuple[str, ...]) -> bool:
    """Whether one of the names, which are rules, is about the tool: what denies `edit` denies `patch` too.

    Other programs write `WebFetch` for `web_fetch`.
    """
    rules = [parse_rule(name) for name in names]
    return any(rule.names(tool) or rule.names(tool.replace("_", "")) for rule in rules)
