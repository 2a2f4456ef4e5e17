"""The tool `edit`: replace pieces of a text file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from anyio import to_thread
from msgspec import UNSET, UnsetType

from acp_agent.base.errors import FileMissing, ToolError
from acp_agent.base.jsontext import JsonObject
from acp_agent.model.toolcall import ToolOutcome, ToolSpec
from acp_agent.ports import Preview, ToolContext, Workspace
from acp_agent.tools.arguments import input_schema, parse_args
from acp_agent.tools.changes import Change
from acp_agent.tools.paths import shown_path

if TYPE_CHECKING:
    from acp_agent import ports
    from acp_agent.tools.editing.replacing import Replaced


IN_THREAD = 20_000
"""Characters of a file from which on its text is searched in a thread: near matches take their time."""


class OneEdit(msgspec.Struct, frozen=True):
    """One replacement of several."""

    old_text: Annotated[str, msgspec.Meta(description="Text to replace.")]
    new_text: Annotated[str, msgspec.Meta(description="Text to put in its place.")]
    replace_all: Annotated[bool, msgspec.Meta(description="Replace every occurrence.")] = False


class EditArgs(msgspec.Struct, frozen=True):
    """Arguments of `edit`."""

    path: Annotated[str, msgspec.Meta(description="File to change, relative to the working directory.")]
    old_text: Annotated[
        str | UnsetType,
        msgspec.Meta(description="Text to replace, exactly as in the file, without line numbers."),
    ] = UNSET
    new_text: Annotated[str | UnsetType, msgspec.Meta(description="Text to put in its place.")] = UNSET
    replace_all: Annotated[
        bool, msgspec.Meta(description="Replace every occurrence; otherwise there must be just one.")
    ] = False
    edits: Annotated[
        list[OneEdit],
        msgspec.Meta(
            description="Several replacements in this file, made in order, instead of `old_text` and "
            "`new_text`; all are made or none."
        ),
    ] = []


class EditTool:
    """Replaces text that the model quotes."""

    def __init__(self) -> None:
        self.spec = ToolSpec(
            "edit",
            "Replace text in a file. `old_text` must match the file exactly, white space included, and be "
            "unique in it unless `replace_all` is set. An empty `old_text` fills a new or empty file. "
            "For several changes to one file give `edits`.",
            input_schema(EditArgs),
            kind="edit",
        )

    async def preview(self, args: JsonObject, context: ToolContext) -> Preview:
        """Show the change."""
        return (await _planned(args, context.workspace)).preview("Edit")

    async def run(self, args: JsonObject, context: ToolContext) -> ToolOutcome:
        """Change the file as it is now, which may not be as it was when the change was shown."""
        return await (await _planned(args, context.workspace)).make(context.workspace)


async def _planned(args: JsonObject, workspace: Workspace) -> Change:
    wanted = parse_args(EditArgs, args)
    edits = _edits(wanted)
    path = workspace.resolve(wanted.path)
    shown = shown_path(workspace, path)
    try:
        old = await workspace.read_text(path)
    except FileMissing as exc:
        if edits[0].old_text:
            raise ToolError(
                f"no such file: `{shown}`; find it with `glob`, or create it with `write`"
            ) from exc
        old = None
    if not edits[0].old_text:
        if old:
            raise ToolError(f"`old_text` is empty but `{shown}` is not; quote the text to replace")
        if len(edits) > 1:
            raise ToolError("`edits`: an empty `old_text` fills a file and must be the only edit of it")
        verb = "created" if old is None else "filled"
        return Change(path, shown, old, edits[0].new_text, f"{verb} `{shown}`")
    if old and len(old) > IN_THREAD:
        text, told = await to_thread.run_sync(_edited, old, edits, abandon_on_cancel=True)
    else:
        text, told = _edited(old or "", edits)
    return Change(path, shown, old, text, f"edited `{shown}` {'; '.join(told)}")


def _edited(old: str, edits: list[OneEdit]) -> tuple[str, list[str]]:
    """The text after all edits, and where each was made."""
    text, told = old, list[str]()
    for number, edit in enumerate(edits):
        try:
            replaced = _replaced(text, edit)
        except ToolError as exc:
            if len(edits) == 1:
                raise
            raise ToolError(
                f"`edits[{number}]`: {exc}\n(nothing was changed; lines are counted as the edits before "
                "this one would leave them)"
            ) from exc
        text = replaced.text
        told.append(_told(replaced))
    if text == old:
        raise ToolError("the edits undo each other; nothing would change")
    return text, told


def _edits(wanted: EditArgs) -> list[OneEdit]:
    edits = wanted.edits
    if not edits:
        if wanted.old_text is UNSET or wanted.new_text is UNSET:
            name = "old_text" if wanted.old_text is UNSET else "new_text"
            raise ToolError(f"`{name}`: required argument is missing")
        edits = [OneEdit(wanted.old_text, wanted.new_text, wanted.replace_all)]
    elif wanted.old_text or wanted.new_text:
        raise ToolError("give either `edits` or `old_text` and `new_text`, not both")
    if any(edit.old_text == edit.new_text for edit in edits):
        raise ToolError("`old_text` and `new_text` are the same; nothing would change")
    return edits


def _replaced(text: str, edit: OneEdit) -> Replaced:
    from acp_agent.tools.editing.elisions import elision  # lazy: only for sessions that edit
    from acp_agent.tools.editing.replacing import replace_text  # lazy: only for sessions that edit

    if not edit.old_text:
        raise ToolError("`old_text` is empty; quote the text to replace")
    if remark := elision(text, edit.old_text, edit.new_text):
        raise ToolError(
            f"`new_text` leaves lines out: `{remark[:80]}` would stand in their place; write them all, or "
            "quote less (if it is meant as it stands, put it in with an edit of its own)"
        )
    replaced = replace_text(text, edit.old_text, edit.new_text, replace_all=edit.replace_all)
    if replaced.text == text:
        raise ToolError("the texts differ only in line ends, which stay as the file has them")
    return replaced


def _told(replaced: Replaced) -> str:
    count, first = len(replaced.lines), replaced.lines[0]
    where = f"at line {first}" if count == 1 else f"at {count} places, first at line {first}"
    if not replaced.differing:
        return where
    differing = " and ".join(replaced.differing)
    return f"{where}; there the file differs from `old_text` in {differing}, and was kept so"


if TYPE_CHECKING:
    _: type[ports.Tool] = EditTool
