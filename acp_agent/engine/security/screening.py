"""Tools whose results pass a security provider before anybody reads them, while they run and at their end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from acp_agent.base.errors import ToolError, WorkspaceError
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import events
from acp_agent.model.content import Diff, Image, Printed, Shown, Text, ToolContent
from acp_agent.model.toolcall import ToolCallPatch, ToolOutcome
from acp_agent.ports import Preview, SecurityProvider, Tool, ToolContext

if TYPE_CHECKING:
    from acp_agent import ports

MAX_PHRASE = 120
"""Characters of a suspicious phrase that are repeated to the user."""

Notify = Callable[[events.Noticed], Awaitable[None]]

T = TypeVar("T")


def screened(tools: Mapping[str, Tool], security: SecurityProvider, notify: Notify) -> Mapping[str, Tool]:
    """The same tools, watched over. What they write into files is not touched."""
    return {name: ScreenedTool(tool, security, notify) for name, tool in tools.items()}


def warning_of(findings: Sequence[str], where: str) -> events.Noticed:
    """The notice about suspicious phrases."""
    phrases = "; ".join(f"“{' '.join(phrase.split())[:MAX_PHRASE]}”" for phrase in findings)
    return events.Noticed("warning", f"Suspicious instructions in {where}", phrases)


class ScreenedTool:
    """One such tool."""

    def __init__(self, inner: Tool, security: SecurityProvider, notify: Notify) -> None:
        self.spec = inner.spec
        self._inner = inner
        self._security = security
        self._notify = notify

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """What it would do, as the tool says it: what is asked for must be shown as it is."""
        return await self._inner.preview(args, context)

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Do it, and blot out what must not be passed on."""

        def report(patch: ToolCallPatch) -> None:
            context.report(self._clean_patch(patch))

        try:
            outcome = await self._inner.run(args, msgspec.structs.replace(context, report=report))
        except ToolError as exc:
            raise ToolError(self._security.sanitize_output(str(exc))) from exc
        except WorkspaceError as exc:
            raise WorkspaceError(self._security.sanitize_output(str(exc))) from exc
        texts = [part.text for part in outcome.for_model if isinstance(part, Text)]
        findings = [found for text in texts for found in self._security.taint_input(text) or ()]
        if findings:
            await self._notify(warning_of(findings, f"the result of `{self.spec.name}`"))
        return msgspec.structs.replace(
            outcome,
            for_model=tuple(self._clean_part(part) for part in outcome.for_model),
            display=None if outcome.display is None else self._clean_content(outcome.display),
            raw_output=self._clean_json(outcome.raw_output),
        )

    def _clean_patch(self, patch: ToolCallPatch) -> ToolCallPatch:
        content = patch.content
        if not isinstance(content, tuple):
            return patch
        return msgspec.structs.replace(patch, content=self._clean_content(content))

    def _clean_content(self, content: tuple[ToolContent, ...]) -> tuple[ToolContent, ...]:
        return tuple(self._clean_shown(part) for part in content)

    def _clean_shown(self, part: ToolContent) -> ToolContent:
        match part:
            case Shown(Text() as text):
                return Shown(self._clean_text(text))
            case Printed(text):
                return msgspec.structs.replace(part, text=self._security.sanitize_output(text))
            case Diff() | Shown():
                return part  # a diff that differs from the file could not be judged
            case _:
                return part

    def _clean_part(self, part: Text | Image) -> Text | Image:
        return self._clean_text(part) if isinstance(part, Text) else part

    def _clean_text(self, part: Text) -> Text:
        return msgspec.structs.replace(part, text=self._security.sanitize_output(part.text))

    def _clean_json(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._security.sanitize_output(value)
        if isinstance(value, list):
            return [self._clean_json(item) for item in value]
        if isinstance(value, dict):
            return {key: self._clean_json(item) for key, item in value.items()}
        return value


if TYPE_CHECKING:
    _: type[ports.Tool] = ScreenedTool
