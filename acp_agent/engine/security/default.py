"""The security that comes with the agent: secrets are blotted out, orders hidden in texts are pointed at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.engine.security.redaction import redacted

if TYPE_CHECKING:
    from acp_agent import ports

MAX_FINDINGS = 5
"""Phrases of one text that are named."""

_ORDERS = re.compile(
    r"""(?ix)
    \b(?:ignore|disregard|forget|override) [ ] (?:(?:all|any|the|your|of|these|those) [ ]){0,4}
      (?:previous|prior|above|earlier|preceding|existing) [ ] (?:\w{1,20} [ ]){0,2}
      (?:instructions?|prompts?|rules|messages|context|directions|guidelines)
    | \b(?:reveal|print|repeat|show|output) [ ] (?:me [ ])? (?:your|the) [ ] (?:\w{1,20} [ ])?
      (?:system|hidden|initial) [ ] (?:prompt|instructions|message)
    | \byou [ ] are [ ] (?:now|no [ ] longer) [ ] (?:an? [ ])? (?:\w{1,20} [ ])?
      (?:dan|jailbroken|unrestricted|unfiltered|bound|developer [ ] mode|free [ ] of)
    | \b(?:do [ ] not|don't|never) [ ] (?:tell|inform|mention|show|alert) [ ] (?:this [ ] to [ ])?
      (?:the|your) [ ] (?:user|human|operator|owner)
    | \bnew [ ] (?:system [ ])? instructions? [ ]? :
    | <\|im_(?:start|end)\|> | \[/?INST\] | <</?SYS>>
    """
)


class DefaultSecurity:
    """Keeps no text. Findings are the suspicious phrases as they are written."""

    def taint_input(self, text: str) -> tuple[str, ...]:
        """Phrases that try to give the model orders, at most `MAX_FINDINGS`."""
        found: dict[str, None] = {}
        for match in _ORDERS.finditer(text):
            found[match[0]] = None
            if len(found) == MAX_FINDINGS:
                break
        return tuple(found)

    def sanitize_output(self, text: str) -> str:
        """The text with `[REDACTED:KIND]` in place of secrets and personal numbers."""
        return redacted(text)

    def wipe(self) -> None:
        """Do nothing: no text is kept."""

    def teardown(self) -> None:
        """Do nothing: there is nothing to end."""


if TYPE_CHECKING:
    _: type[ports.SecurityProvider] = DefaultSecurity
