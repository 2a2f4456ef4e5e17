"""The messages of a conversation as a program reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, assert_never, cast, get_args

import msgspec

from acp_agent.base.clock import utc_now
from acp_agent.base.ids import MessageId, ToolCallId, TurnId, random_id
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import chat, events
from acp_agent.model.content import Audio, Image, Text
from acp_agent.sdk.embed.options.attachments import Attachment, pictures

Role: TypeAlias = Literal["user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)

BlockType: TypeAlias = Literal["text", "image", "tool_use", "tool_result", "thinking"]


class ContentBlock(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a message; which fields are set, `type` says."""

    type: BlockType
    text: str = ""
    image: Attachment | None = None
    tool_id: str = ""
    tool_name: str = ""
    args: JsonObject = {}
    is_error: bool = False

    @classmethod
    def of_text(cls, text: str) -> ContentBlock:
        """Text."""
        return cls("text", text)

    @classmethod
    def of_image(cls, image: Attachment) -> ContentBlock:
        """A picture."""
        return cls("image", image=image)


class Message(msgspec.Struct, frozen=True):
    """One message: who said it, and what.

    `content` reads as the text of the message; `blocks` has all of its parts.
    """

    role: Role
    blocks: tuple[ContentBlock, ...]
    reasoning_content: str | None = None

    @classmethod
    def user(cls, text: str) -> Message:
        """What a user says."""
        return cls("user", (ContentBlock.of_text(text),))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """What the model says."""
        return cls("assistant", (ContentBlock.of_text(text),))

    @property
    def content(self) -> str:
        """All text of the message."""
        return "\n".join(block.text for block in self.blocks if block.text and block.type != "thinking")


MessageLike: TypeAlias = Message | Mapping[str, object]
"""A message, or a mapping with its `role` and `content` (a text, or a list of blocks with `text`)."""


def shown(messages: Sequence[chat.ChatMessage]) -> list[Message]:
    """The history as a program reads it."""
    return [_message(message) for message in messages]


def history_events(messages: Iterable[MessageLike]) -> list[events.Event]:
    """A journal that makes this history.

    Raises:
        TypeError, ValueError: one of them is no message.
    """
    turn_id, now = TurnId(random_id("turn")), utc_now()
    journal: list[events.Event] = [events.TurnStarted(turn_id, now)]
    for message in map(_checked, messages):
        message_id = MessageId(random_id("msg"))
        match message.role:
            case "user":
                journal.append(events.UserSaid(message_id, tuple(_said(message))))
            case "assistant":
                journal += [
                    events.CallRequested(ToolCallId(block.tool_id), block.tool_name, block.args)
                    if block.type == "tool_use"
                    else events.TextChunk(message_id, block.text)
                    for block in message.blocks
                    if block.type in ("text", "tool_use")
                ]
                journal.append(events.StepEnded("stop", chat.Usage(), ""))
            case "tool":
                journal += [
                    events.CallAnswered(
                        ToolCallId(block.tool_id), (Text(block.text or "(nothing)"),), block.is_error
                    )
                    for block in message.blocks
                ]
            case _:
                assert_never(message.role)
    return [*journal, events.TurnEnded(turn_id, "end_turn", now)]


def _said(message: Message) -> Iterable[Text | Image]:
    for block in message.blocks:
        if block.image is not None:
            yield from pictures([block.image])
        elif block.text:
            yield Text(block.text)


def _checked(given: MessageLike) -> Message:
    message = given if isinstance(given, Message) else _read(given)
    if message.role not in ROLES:
        raise ValueError(f"a message has the role `user`, `assistant` or `tool`, not `{message.role}`")
    for block in message.blocks:
        if not isinstance(block, ContentBlock) or not isinstance(block.text, str):  # pyright: ignore[reportUnnecessaryIsInstance] # nobody has looked at what it was made of
            raise TypeError("a message consists of a `ContentBlock` for each part, and its `text` is a text")
    return message


def _read(given: Mapping[str, object]) -> Message:
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] # callers need no types
        raise TypeError(f"a message is a `Message` or a mapping, not `{type(given).__name__}`")
    role, content = cast("Role", given.get("role")), given.get("content")  # which is looked at next
    if isinstance(content, str):
        return Message(role, (ContentBlock.of_text(content),))
    if isinstance(content, list | tuple):
        return Message(role, msgspec.convert(content, tuple[ContentBlock, ...]))
    raise ValueError("the `content` of a message is a text or a list of blocks")


def _message(message: chat.ChatMessage) -> Message:
    match message:
        case chat.FromUser(content):
            return Message("user", tuple(_block(part) for part in content))
        case chat.FromAssistant(content):
            thinking = "".join(part.text for part in content if isinstance(part, chat.Thought))
            said = tuple(_block(part) for part in content if not isinstance(part, chat.Thought))
            return Message("assistant", said, thinking or None)
        case chat.FromTools(results):
            return Message("tool", tuple(_result(result) for result in results))
        case _:
            assert_never(message)


def _block(part: Text | Image | Audio | chat.Thought | chat.ToolUse) -> ContentBlock:
    match part:
        case Text(text):
            return ContentBlock("text", text)
        case Image():
            return ContentBlock("image", image=_picture(part))
        case Audio(_, mime_type):
            return ContentBlock("text", f"[sound, {mime_type}]")
        case chat.Thought(text):
            return ContentBlock("thinking", text)
        case chat.ToolUse(call_id, name, arguments):
            return ContentBlock("tool_use", tool_id=call_id, tool_name=name, args=arguments)
        case _:
            assert_never(part)


def _result(result: chat.ToolResult) -> ContentBlock:
    text = "\n".join(part.text for part in result.content if isinstance(part, Text))
    image = next((_picture(part) for part in result.content if isinstance(part, Image)), None)
    return ContentBlock("tool_result", text, image, result.call_id, is_error=result.is_error)


def _picture(image: Image) -> Attachment:
    import base64  # lazy: most conversations have no pictures

    return Attachment(base64.b64decode(image.data), image.mime_type)
