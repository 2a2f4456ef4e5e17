"""Choices put as questions of permission, for clients without forms.

Such a client draws a tool call and buttons below it. So each field is one such question: its title is the
call's, its options are the buttons, and the last button skips it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from acp_agent.base.ids import SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import question as asking
from acp_agent.model.content import shown_text
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.surface.v1.tool_projection import tool_call_fields

MAX_LABEL = 60
"""Characters of a button; longer ones are cut, and the whole text stands above the buttons."""

MAX_BUTTONS = 12
"""Options of one question; a list that is longer is no row of buttons."""

DECLINE = "decline"


Button: TypeAlias = tuple[str, dict[str, asking.FieldValue]]
"""A label, and the values it stands for."""


class Choosing(msgspec.Struct, frozen=True):
    """One question; each button fills in `values` of its own."""

    title: str
    text: str
    buttons: tuple[Button, ...]
    declining: str
    required: bool

    def params(self, session_id: SessionId, call_id: ToolCallId) -> JsonObject:
        """The params of `session/request_permission`."""
        options: list[JsonValue] = [
            {"optionId": f"choice_{number}", "name": _label(label), "kind": "allow_once"}
            for number, (label, _) in enumerate(self.buttons)
        ]
        options.append({"optionId": DECLINE, "name": self.declining, "kind": "reject_once"})
        shown = ToolCallPatch(title=self.title, content=(shown_text(self.text),))
        return {
            "sessionId": session_id,
            "toolCall": {"toolCallId": call_id, **tool_call_fields(shown)},
            "options": options,
        }

    def read(self, answer: JsonValue) -> asking.Answer:
        """What the outcome means; anything unknown is no answer."""
        outcome = answer.get("outcome") if isinstance(answer, dict) else None
        if not isinstance(outcome, dict) or outcome.get("outcome") != "selected":
            return asking.Dismissed()
        chosen = outcome.get("optionId")
        if chosen == DECLINE:
            return asking.Declined() if self.required else asking.Accepted()
        for number, (_, values) in enumerate(self.buttons):
            if chosen == f"choice_{number}":
                return asking.Accepted(values)
        return asking.Dismissed()


def choices_of(form: asking.Form) -> tuple[Choosing, ...] | None:
    """The form as questions with buttons, or None if it asks for what no button can say.

    Fields that only can be typed into are left out if they may be.
    """
    if not form.fields:
        return (Choosing(_line(form.message), form.message, (("Accept", {}),), "Decline", required=True),)
    steps: list[Choosing] = []
    for field in form.fields:
        step = _step(form, field)
        if step is not None:
            steps.append(step)
        elif field.required:
            return None
    return tuple(steps) or None


def _step(form: asking.Form, field: asking.Field) -> Choosing | None:
    buttons: tuple[Button, ...]
    match field:
        case asking.SwitchField():
            buttons = ("Yes", {field.name: True}), ("No", {field.name: False})
        case asking.OneField():
            buttons = tuple((option.label, {field.name: option.value}) for option in field.options)
        case asking.ManyField() if (field.min_items or 0) <= 1:
            buttons = tuple((option.label, {field.name: (option.value,)}) for option in field.options)
        case _:
            return None
    if not 0 < len(buttons) <= MAX_BUTTONS:
        return None
    title = field.title or field.name
    parts = [form.message, title if title != form.message else "", field.description]
    parts.append("\n".join(f"- {label}" for label, _ in buttons))
    text = "\n\n".join(part for part in parts if part)
    return Choosing(_line(title), text, buttons, "Decline" if field.required else "Skip", field.required)


def _label(text: str) -> str:
    line = _line(text)
    return line if len(line) <= MAX_LABEL else line[: MAX_LABEL - 1].rstrip() + "…"


def _line(text: str) -> str:
    return " ".join(text.split())
