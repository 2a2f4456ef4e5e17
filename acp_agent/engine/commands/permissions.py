"""`/permissions`: what is allowed and denied in this session, and changing that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.engine.commands.markdown import code
from acp_agent.engine.permission.rules import Rule, Rules, Ruling, parse_rule
from acp_agent.model import events
from acp_agent.model.session import MODES

if TYPE_CHECKING:
    from acp_agent.engine.commands.slash import Desk
    from acp_agent.engine.conversation import Conversation
    from acp_agent.engine.state import SessionState

USAGE = (
    "`/permissions` takes `revoke` and a number or `all`, or `allow`, `ask` or `deny` and a rule such as "
    "`Bash(npm test:*)`."
)

MAX_RULES = 100
"""Rules that one session can have of its own."""


async def permissions(typed: str, desk: Desk) -> str:
    """What is in force; or one thing revoked, or a rule added."""
    verb, _, rest = typed.partition(" ")
    rest = rest.strip()
    match verb.lower():
        case "":
            return _overview(desk.session)
        case "revoke" if rest:
            return await _revoke(rest, desk.session)
        case "allow" | "ask" | "deny" as ruling if rest:
            return await _rule(ruling, rest, desk)
        case _:
            return USAGE


def _overview(session: Conversation) -> str:
    mode = next(mode for mode in MODES if mode.id == session.state.mode)
    parts = [f"**Mode** `{mode.id}`: {mode.description}"]
    for scope, heading in (("user", "Your rules"), ("project", "Rules of this project")):
        lines = [
            f"- {ruling} {code(rule.text)}"
            for ruling, rules in _by_ruling(session.rules)
            for rule in rules
            if rule.scope == scope
        ]
        if lines:
            parts.append("\n".join((f"**{heading}**\n", *lines)))
    lines = [f"{number}. {text}" for number, (text, _) in enumerate(_revocable(session.state), start=1)]
    if lines:
        parts.append("\n".join(("**Of this session**\n", *lines)))
        parts.append("`/permissions revoke N` takes one back, `/permissions revoke all` all of them.")
    else:
        parts.append("Nothing was allowed or rejected for the whole session, and it has no rules of its own.")
    return "\n\n".join(parts)


async def _revoke(which: str, session: Conversation) -> str:
    revocable = _revocable(session.state)
    if which.lower() == "all":
        chosen = revocable
    elif re.fullmatch("[0-9]{1,6}", which) and 1 <= int(which) <= len(revocable):
        chosen = [revocable[int(which) - 1]]
    elif not revocable:
        chosen = []
    else:
        return f"{code(which)} is none of the numbers 1 to {len(revocable)} that `/permissions` lists."
    if not chosen:
        return "There is nothing to revoke."
    await session.journal.record(*(event for _, event in chosen))
    return "\n".join(("Revoked:\n", *(f"- {text}" for text, _ in chosen)))


async def _rule(ruling: Ruling, text: str, desk: Desk) -> str:
    session = desk.session
    try:
        rule = parse_rule(text, "session")
    except ValueError as exc:
        return f"{code(text)} is no rule: {exc}."
    if rule.pattern is not None and text.partition("(")[2].lstrip().startswith("~"):
        return "Rules of a session do not know `~`; write the whole path."
    if len(session.state.rules) >= MAX_RULES and text not in session.state.rules:
        return f"A session has {MAX_RULES} rules of its own at most; revoke some first."
    await session.journal.record(events.RuleSet(text, ruling))
    answer = f"For the rest of this session: {ruling} {code(text)}."
    return f"{answer} {_caution(ruling, text, desk)}".rstrip()


def _caution(ruling: Ruling, text: str, desk: Desk) -> str:
    """What the user may not expect of a rule."""
    rules = Rules(deny=(parse_rule(text),))
    if rules.unknown_tools(desk.tool_names()):
        return "There is no such tool at the moment."
    if ruling == "allow":
        return "What is denied or to be asked about by another rule stays so."
    return ""


def _revocable(state: SessionState) -> list[tuple[str, events.PermissionRevoked | events.RuleSet]]:
    """What this session alone allows and forbids, each with the event that takes it back."""
    grants = state.grants
    answers = [*(("allow", subject) for subject in sorted(grants.allowed - grants.rejected))]
    answers += [("reject", subject) for subject in sorted(grants.rejected)]
    return [
        *(
            (f"always {answer} {code(subject)}", events.PermissionRevoked(subject))
            for answer, subject in answers
        ),
        *((f"{ruling} {code(rule)}", events.RuleSet(rule, None)) for rule, ruling in state.rules.items()),
    ]


def _by_ruling(rules: Rules) -> tuple[tuple[Ruling, tuple[Rule, ...]], ...]:
    return (("deny", rules.deny), ("ask", rules.ask), ("allow", rules.allow))
