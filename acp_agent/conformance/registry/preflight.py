"""Tries a registry entry, and the agent it is about, against the registry's rules; the result is a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import InvalidJson, JsonObject, load
from acp_agent.conformance.reach import text_at
from acp_agent.conformance.registry.entry import ENTRY_RULES
from acp_agent.conformance.registry.handshake import HANDSHAKE_RULES, shake_hands
from acp_agent.conformance.registry.icon import ICON_RULES, IconFile
from acp_agent.conformance.registry.rule import Rule
from acp_agent.conformance.report import Outcome, Report, Run
from acp_agent.conformance.verdicts import Verdict

_SECTION = "ACP registry"


async def preflight(place: Path, command: Sequence[str] = ()) -> Report:
    """The verdict of every rule; `place` is the folder of the entry, or its `agent.json`.

    The agent is started by `command`, with an empty home and no keys; without one its rules are skipped.

    Raises:
        ConfigError: there is no entry, or it is no JSON object.
    """
    folder = anyio.Path(place)
    file = Path(await (folder / "agent.json" if await folder.is_dir() else folder).resolve())
    entry = _read(file)
    run = Run(command, "registry")
    outcomes = [_outcome(rule, *_judged(rule.check(entry, file.parent))) for rule in ENTRY_RULES]
    icon = IconFile(file.parent / "icon.svg")
    outcomes += [_outcome(rule, *_judged(rule.check(icon))) for rule in ICON_RULES]
    if command:
        answer = await shake_hands(command, entry)
        outcomes += [_outcome(rule, *_judged(rule.check(answer))) for rule in HANDSHAKE_RULES]
    else:
        outcomes += [
            _outcome(rule, "skipped", "no command: put the agent's behind `--`") for rule in HANDSHAKE_RULES
        ]
    return run.report(text_at(entry, "name"), text_at(entry, "version"), outcomes)


def _read(file: Path) -> JsonObject:
    try:
        value = load(file.read_bytes())
    except (OSError, InvalidJson) as exc:
        raise ConfigError(
            f"cannot read the registry entry `{file}`: {exc}",
            hint="name a folder with `agent.json` and `icon.svg` in it",
        ) from exc
    if not isinstance(value, dict):
        raise ConfigError(f"the registry entry `{file}` is no JSON object")
    return value


def _judged(problems: Sequence[str] | None) -> tuple[Verdict, str]:
    """None is for what the entry does not have."""
    if problems is None:
        return "not-advertised", "the entry does not say"
    return ("fail", "; ".join(problems)) if problems else ("pass", "")


def _outcome(rule: Rule[...], verdict: Verdict, reason: str) -> Outcome:
    return Outcome(
        id=rule.id,
        level=rule.level,
        text=rule.text,
        section=_SECTION,
        version="v1",
        aliases=(),
        verdict=verdict,
        reason=reason,
        seconds=0.0,
    )
