"""What the user attached, in a form the model takes: linked files read, pictures checked, binaries named.

Of files only those in the workspace are read, of other links only those that an MCP server of the session
calls its own; what cannot be given is named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias, assert_never

from anyio import to_thread

from acp_agent.base import base64text
from acp_agent.base.errors import ToolError
from acp_agent.engine.attachments.downscale import CannotDownscale, downscale
from acp_agent.engine.attachments.files import BinaryFile, Directory, TextFile, Unread, read_link, text_of
from acp_agent.engine.attachments.images import MEDIA_TYPES, read_header, why_too_large, with_true_type
from acp_agent.engine.attachments.links import FileLink, file_link
from acp_agent.engine.attachments.quoting import head, named, one_line, quoted
from acp_agent.model import events
from acp_agent.model.content import AUDIO_FORMATS, Audio, Content, Image, Resource, ResourceLink, Text
from acp_agent.model.session import ModelInfo
from acp_agent.ports import FileEntry, Workspace

MAX_TEXT_BYTES = 256 * 1024
"""Bytes of one attached text at most."""

BYTES_PER_TOKEN = 2
"""All attached text of one prompt together has this many bytes for each token that the model can read.

Text has about four bytes to a token, so attachments fill half of the context at most.
"""

MAX_ENTRIES = 500
"""Entries of a directory that are listed."""

ReadLink: TypeAlias = Callable[[str], Awaitable[tuple[Resource, ...] | None]]
"""What is behind a URI; None if it belongs to nobody who could say."""

ForModel: TypeAlias = tuple[Text | Image | Audio, ...]


async def nothing_linked(uri: str) -> None:
    """What is behind links where nobody knows more than files."""


async def attach(
    said: events.UserSaid,
    *,
    workspace: Workspace,
    model: ModelInfo,
    make_smaller: Callable[[bytes], bytes] = downscale,
    read_link: ReadLink = nothing_linked,
) -> list[events.Event]:
    """The events that tell what the model is given in place of parts of a prompt, and what the user loses.

    Parts that need no work have no event. `make_smaller` runs in a thread and may raise `CannotDownscale`.
    `read_link` is asked for what is behind links to anything but files; it may raise `ToolError`.
    """
    attaching = _Attaching(workspace, model, make_smaller, read_link)
    found: list[events.Event] = []
    for index, part in enumerate(said.content):
        content = await attaching.replace(part)
        if content is not None:
            found.append(events.Attached(said.message_id, index, content))
    return found + attaching.warnings()


class _Attaching:
    """One prompt being prepared."""

    def __init__(
        self,
        workspace: Workspace,
        model: ModelInfo,
        make_smaller: Callable[[bytes], bytes],
        read_link: ReadLink,
    ) -> None:
        self._read_link = read_link
        self._workspace = workspace
        self._model = model
        self._make_smaller = make_smaller
        self._left = model.context_size * BYTES_PER_TOKEN  # bytes of text that still fit; never negative
        self._not_taken: dict[str, None] = {}  # kinds of media the model does not take, in order
        self._lost: list[tuple[str, str]] = []  # what the model does not get, and why

    def warnings(self) -> list[events.Event]:
        """What the user should know."""
        kinds = " and ".join(self._not_taken)
        refused = [
            events.Noticed(
                "warning",
                f"The model `{self._model.id}` takes no {kinds}",
                "It is told that something was left out; choose a model that takes them.",
            )
        ]
        lost = [events.Noticed("warning", f"Not given to the model: {what}", why) for what, why in self._lost]
        return [*(refused if kinds else []), *lost]

    async def replace(self, part: Content) -> ForModel | None:
        """What the model gets for this part; None where the part itself will do."""
        match part:
            case Text():
                return None
            case Audio(_, mime_type) if mime_type not in AUDIO_FORMATS:
                return self._without("sound", f"it is none of {', '.join(AUDIO_FORMATS)}")
            case Audio():
                self._expect("audio", taken=self._model.takes_audio)
                return None
            case Image():
                return await self._image(part)
            case Resource(_, str(text)):
                return self._embedded_text(part, text)
            case Resource():
                return await self._blob(part)
            case ResourceLink():
                return await self._link(part)
            case _:
                assert_never(part)

    async def _image(self, part: Image) -> ForModel | None:
        name = one_line(part.uri) if part.uri else "picture"
        try:
            data = base64text.decode(part.data)
        except base64text.InvalidBase64 as exc:
            return self._without(name, f"its data {exc}")
        fitting = await self._fitting(data)
        if fitting is data:
            self._expect("images", taken=self._model.takes_images)
            return None
        return self._picture(name, fitting, part.uri)

    async def _labelled(self, name: str, data: bytes, uri: str) -> ForModel:
        return (Text(f"[picture attached: {name}]"), *self._picture(name, await self._fitting(data), uri))

    async def _fitting(self, data: bytes) -> bytes | Unread:
        """The picture in a size that models take: these bytes themselves if they are fine."""
        header = read_header(data)
        if header is None:
            return Unread(f"it is none of {', '.join(MEDIA_TYPES)}")
        why = why_too_large(header, len(data))
        if not why:
            return data
        try:
            return await to_thread.run_sync(self._make_smaller, data)
        except CannotDownscale as exc:
            return Unread(f"{why}, and {exc}")

    def _picture(self, name: str, fitting: bytes | Unread, uri: str | None) -> ForModel:
        if isinstance(fitting, Unread):
            return self._without(name, fitting.why)
        self._expect("images", taken=self._model.takes_images)
        return (with_true_type(Image(base64text.encode(fitting), MEDIA_TYPES[0], uri)),)

    def _embedded_text(self, part: Resource, text: str) -> ForModel | None:
        shown = head(text, self._room())
        if shown is None:
            self._use(text)
            return None
        self._use(shown.text)
        why = f"it has {len(text.encode(errors='replace'))} bytes, which are too many for one prompt"
        self._lost.append((f"all but the beginning of {one_line(part.uri)}", why))
        return (Text(f"{quoted(part.uri, shown.text)}\n[this is only its beginning: {why}]"),)

    async def _blob(self, part: Resource) -> ForModel:
        name = named(part)
        try:
            data = base64text.decode(part.blob or "")
        except base64text.InvalidBase64 as exc:
            return self._without(name, f"its data {exc}")
        text = text_of(data)
        if read_header(data) is not None:
            return await self._labelled(name, data, part.uri)
        if text is None:
            return (_not_shown(name, data, part.mime_type),)
        return self._embedded_text(part, text) or (Text(quoted(part.uri, text)),)

    async def _link(self, part: ResourceLink) -> ForModel:
        name = named(part)
        link = file_link(part.uri)
        if link is None:
            return await self._foreign(part)
        found = await read_link(link, self._workspace)
        match found:
            case TextFile(text):
                return (Text(self._file(part, link, text.removeprefix("\ufeff"))),)
            case BinaryFile(data) if read_header(data) is not None:
                return await self._labelled(name, data, part.uri)
            case BinaryFile(data):
                return (_not_shown(name, data, part.mime_type),)
            case Directory(entries):
                return (Text(quoted(part.uri, _listing(entries), tag="directory")),)
            case Unread(why):
                return (Text(f"[attached and not read: {name}; {why}]"),)
            case _:
                assert_never(found)

    async def _foreign(self, part: ResourceLink) -> ForModel:
        """What a link leads to that is no file."""
        name = named(part)
        try:
            found = await self._read_link(part.uri)
        except ToolError as exc:
            return (Text(f"[attached and not read: {name}; {exc}]"),)
        if found is None:
            return (Text(f"[attached and not opened: {name}; only files in the workspace are]"),)
        content: list[Text | Image | Audio] = []
        for piece in found:
            if piece.text is None:
                content += await self._blob(piece)
            else:
                content += self._embedded_text(piece, piece.text) or (Text(quoted(piece.uri, piece.text)),)
        return tuple(content)

    def _file(self, part: ResourceLink, link: FileLink, text: str) -> str:
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        first, last = link.lines or (1, len(lines))
        last = min(last, len(lines))
        if first > last:  # the file is shorter than the editor thought
            first, last = 1, len(lines)
        wanted = text if last - first + 1 == len(lines) else "\n".join(lines[first - 1 : last])
        shown = head(wanted, self._room())
        if shown is None:
            self._use(wanted)
            return quoted(part.uri, wanted, lines=f"{first}-{last}" if link.lines and lines else "")
        following = first + shown.n_lines
        rest = f"the file has {len(lines)} lines; read on with the tool `read`, `offset`: {following}"
        if not shown.text:
            return f"[attached and not shown: {named(part)}; there is no room left for it; {rest}]"
        self._use(shown.text)
        if shown.n_lines == 0:
            return f"{quoted(part.uri, shown.text, lines=f'{first}')}\n[line {first} is longer; {rest}]"
        return f"{quoted(part.uri, shown.text, lines=f'{first}-{following - 1}')}\n[{rest}]"

    def _room(self) -> int:
        return min(self._left, MAX_TEXT_BYTES)

    def _use(self, text: str) -> None:
        self._left -= len(text.encode(errors="replace"))

    def _expect(self, kind: str, *, taken: bool) -> None:
        if not taken:
            self._not_taken[kind] = None

    def _without(self, name: str, why: str) -> ForModel:
        self._lost.append((name, why))
        return (Text(f"[attached and not shown: {name}; {why}]"),)


def _not_shown(name: str, data: bytes, mime_type: str | None) -> Text:
    kind = one_line(mime_type) if mime_type else "unknown type"
    return Text(f"[attached and not shown: {name}; neither text nor a picture: {kind}, {len(data)} bytes]")


def _listing(entries: tuple[FileEntry, ...]) -> str:
    lines = [
        f"{one_line(entry.name)}/" if entry.is_dir else f"{one_line(entry.name)} ({entry.size_bytes} bytes)"
        for entry in entries[:MAX_ENTRIES]
    ]
    if len(entries) > MAX_ENTRIES:
        lines.append(f"({len(entries) - MAX_ENTRIES} more; list them with the tool `ls`)")
    return "\n".join(lines) or "(the directory is empty)"
