"""The state of a session, folded from its updates."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.client.conversation import Conversation, Message, ToolCall


def chunk(kind: str, text: str, **more: JsonValue) -> JsonObject:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **more}


def test_a_prompt_that_the_agent_repeats_is_there_once() -> None:
    conversation = Conversation()
    conversation.add_prompt([{"type": "text", "text": "hello"}, {"type": "text", "text": "there"}])
    conversation.apply(chunk("user_message_chunk", "hello", messageId="m1"))
    conversation.apply(chunk("user_message_chunk", "there", messageId="m1"))
    conversation.apply(chunk("user_message_chunk", "from elsewhere", messageId="m2"))
    conversation.apply(chunk("agent_message_chunk", "yes"))
    assert [(message.role, message.id, message.text) for message in conversation.messages] == [
        ("user", "m1", "hellothere"),
        ("user", "m2", "from elsewhere"),
        ("agent", "", "yes"),
    ]


def test_what_is_null_in_an_update_of_a_call_leaves_what_was_said_before() -> None:
    conversation = Conversation()
    conversation.apply(
        {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "Read", "status": "pending", "kind": None}
    )
    conversation.apply(
        {"sessionUpdate": "tool_call_update", "toolCallId": "c", "title": None, "status": "completed"}
    )
    (call,) = conversation.entries
    assert isinstance(call, ToolCall)
    assert (call.title, call.fields) == ("Read", {"title": "Read", "status": "completed"})


def test_messages_and_calls_stand_in_the_order_they_appeared() -> None:
    conversation = Conversation()
    conversation.apply(chunk("agent_thought_chunk", "hm"))
    conversation.apply(chunk("agent_message_chunk", "one "))
    conversation.apply(chunk("agent_message_chunk", "two"))
    conversation.apply({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "Read"})
    conversation.apply(chunk("agent_message_chunk", "three"))
    assert [entry.text if isinstance(entry, Message) else entry.title for entry in conversation.entries] == [
        "hm",
        "one two",
        "Read",
        "three",
    ]
    assert conversation.text == "one two\n\nthree"
