"""The whole state of a session as a client would draw it, folded from its updates.

Tolerant by design: an update of an unknown kind or shape changes nothing.
"""

from __future__ import annotations

import msgspec

from acp_agent.base.jsontext import JsonObject, JsonValue


class Message(msgspec.Struct):
    """Consecutive chunks of one message. `role` is `user`, `agent` or `thought`."""

    role: str
    id: str
    content: list[JsonObject]

    @property
    def text(self) -> str:
        """Its text parts, joined."""
        parts = (part.get("text") for part in self.content if part.get("type") == "text")
        return "".join(part for part in parts if isinstance(part, str))


class ToolCall(msgspec.Struct):
    """A tool call as it stands: the `fields` of all its updates, later ones over earlier ones."""

    id: str
    fields: JsonObject

    @property
    def status(self) -> str:
        """`pending`, `in_progress`, `completed` or `failed`."""
        status = self.fields.get("status", "pending")
        return status if isinstance(status, str) else "pending"

    @property
    def title(self) -> str:
        """What it is called towards the user."""
        title = self.fields.get("title")
        return title if isinstance(title, str) else self.id


_ROLES = {"user_message_chunk": "user", "agent_message_chunk": "agent", "agent_thought_chunk": "thought"}


class Conversation:
    """What was said and done, in order of appearance.

    Attributes:
        entries: messages and tool calls.
        plan: the entries of the plan as it is now.
        commands: the slash commands offered now.
        mode: the current mode's id, once it was told.
        config_options: the options as last told.
        title: the session's title, once it was told.
        usage: the last `usage_update`: `used`, `size`, perhaps `cost`.
        notices: notices, oldest first.
        stop_reason: why the last prompt stopped.
    """

    def __init__(self) -> None:
        self.entries: list[Message | ToolCall] = []
        self.plan: list[JsonObject] = []
        self.commands: list[JsonObject] = []
        self.mode: str | None = None
        self.config_options: list[JsonValue] = []
        self.title: str | None = None
        self.usage: JsonObject = {}
        self.notices: list[JsonObject] = []
        self.stop_reason: str | None = None
        self._calls: dict[str, ToolCall] = {}
        self._prompt: Message | None = None  # the last one that was sent

    @property
    def messages(self) -> list[Message]:
        """The messages alone."""
        return [entry for entry in self.entries if isinstance(entry, Message)]

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls alone."""
        return [entry for entry in self.entries if isinstance(entry, ToolCall)]

    @property
    def text(self) -> str:
        """Everything the agent said, a blank line between messages."""
        return "\n\n".join(message.text for message in self.messages if message.role == "agent")

    def add_prompt(self, blocks: list[JsonValue]) -> None:
        """Take in what was sent to the agent; if the agent says it again, that adds no more than its id."""
        self._prompt = Message("user", "", _objects(blocks))
        self.entries.append(self._prompt)

    def apply(self, update: JsonObject) -> None:
        """Take one `session/update` in."""
        match update:
            case {
                "sessionUpdate": "user_message_chunk" | "agent_message_chunk" | "agent_thought_chunk" as kind
            }:
                self._add_chunk(_ROLES[kind], update)
            case {"sessionUpdate": "tool_call" | "tool_call_update", "toolCallId": str(call_id)}:
                self._change_call(call_id, update)
            case {"sessionUpdate": "plan", "entries": list(entries)}:
                self.plan = _objects(entries)
            case {"sessionUpdate": "available_commands_update", "availableCommands": list(commands)}:
                self.commands = _objects(commands)
            case {"sessionUpdate": "current_mode_update", "currentModeId": str(mode)}:
                self.mode = mode
            case {"sessionUpdate": "config_option_update", "configOptions": list(options)}:
                self.config_options = options
            case {"sessionUpdate": "session_info_update"}:
                title = update.get("title", self.title)
                self.title = title if isinstance(title, str) else None
            case {"sessionUpdate": "usage_update"}:
                self.usage = {key: value for key, value in update.items() if key != "sessionUpdate"}
            case {"sessionUpdate": "notice"}:
                self.notices.append(update)
            case _:
                pass

    def _add_chunk(self, role: str, update: JsonObject) -> None:
        content, message_id = update.get("content"), update.get("messageId")
        if not isinstance(content, dict):
            return
        known = message_id if isinstance(message_id, str) else ""
        last = self.entries[-1] if self.entries else None
        if last is self._prompt and isinstance(last, Message) and role == "user" and _holds(last, content):
            last.id = known
        elif isinstance(last, Message) and last.role == role and last.id == known:
            last.content.append(content)
        else:
            self.entries.append(Message(role, known, [content]))

    def _change_call(self, call_id: str, update: JsonObject) -> None:
        call = self._calls.get(call_id)
        if call is None:
            call = self._calls[call_id] = ToolCall(call_id, {})
            self.entries.append(call)
        for key, value in update.items():
            if key not in ("sessionUpdate", "toolCallId") and value is not None:  # null leaves it as it is
                call.fields[key] = value


def _holds(message: Message, content: JsonObject) -> bool:
    said = (content.get("type"), content.get("text"), content.get("uri"))
    return any((part.get("type"), part.get("text"), part.get("uri")) == said for part in message.content)


def _objects(values: list[JsonValue]) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)]
