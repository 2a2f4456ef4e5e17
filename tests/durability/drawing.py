"""What a client shows after the updates it received, and what of it a reload must show."""

from __future__ import annotations

from typing import Any, TypeAlias

Frame: TypeAlias = dict[str, Any]

_STREAMED = {"agent_message_chunk", "agent_thought_chunk"}
_UNSTORED = {"available_commands_update"}


def user_said(text: str) -> Frame:
    """What a client draws by itself when its user sends a prompt."""
    return {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": text}}


class Drawing:
    """Messages and tool calls in order of appearance, and the latest of everything there is one of."""

    def __init__(self, updates: list[Frame]) -> None:
        self.messages: dict[str, str] = {}
        self.calls: dict[str, Frame] = {}
        self.state: dict[str, Frame] = {}
        self.order: list[str] = []
        self.n_users = 0
        for update in updates:
            self._draw(update)

    def _draw(self, update: Frame) -> None:
        kind = update["sessionUpdate"]
        match kind:
            case "user_message_chunk":
                self.n_users += 1
                self._say(f"user {self.n_users}", update)
            case "agent_message_chunk" | "agent_thought_chunk":
                self._say(f"{kind} {update['messageId']}", update)
            case "tool_call" | "tool_call_update":
                key = f"call {update['toolCallId']}"
                self._appear(key)
                self.calls.setdefault(key, {}).update(update, sessionUpdate="tool_call")
            case _ if kind not in _UNSTORED:
                self.state[kind] = update
            case _:
                pass

    def _say(self, key: str, update: Frame) -> None:
        self._appear(key)
        self.messages[key] = self.messages.get(key, "") + update["content"]["text"]

    def _appear(self, key: str) -> None:
        if key not in self.order:
            self.order.append(key)


def is_fact(update: Frame) -> bool:
    """Whether it was stored before it was sent; the rest of a turn streams and is stored soon after."""
    kind = update["sessionUpdate"]
    if kind in ("tool_call", "tool_call_update"):
        return update.get("status") in ("in_progress", "completed", "failed") and "rawInput" not in update
    return kind not in _STREAMED


def losses(seen: list[Frame], replayed: list[Frame], *, answered: bool, killed: bool) -> list[str]:
    """What a reload does not show of what the client had seen, and what it shows differently.

    `seen` holds the user's prompts as `user_said` in the places where they were sent; the last of them was
    answered or not. If the agent was `killed` in a turn, the end of what streamed may be missing.
    """
    facts = [n for n, update in enumerate(seen) if is_fact(update) and not _is_last_prompt(seen, n)]
    n_sure = max(facts, default=-1) + 1 if killed and not answered else _n_certain(seen)
    sure, full, shown = Drawing(seen[:n_sure]), Drawing(seen), Drawing(replayed)
    found: list[str] = []
    common = [key for key in shown.order if key in full.order]
    if common != [key for key in full.order if key in shown.order]:
        found.append(f"another order: {common}")
    found += [f"{key} is missing" for key in sure.order if key not in shown.order]
    for key in common:
        found += _different_message(key, sure, full, shown) if key in full.messages else []
        found += _different_call(key, sure, shown) if key in sure.calls else []
    for key, call in shown.calls.items():
        if call.get("status") not in ("completed", "failed"):
            found.append(f"{key} was left {call.get('status')}")
    if answered:
        found += [
            f"{kind} is {shown.state.get(kind)} and was {update}"
            for kind, update in full.state.items()
            if shown.state.get(kind) != update
        ]
    return found


def _n_certain(seen: list[Frame]) -> int:
    return len(seen) - bool(seen and _is_last_prompt(seen, len(seen) - 1))


def _is_last_prompt(seen: list[Frame], number: int) -> bool:
    """Whether it is a prompt nothing followed: nobody knows whether the agent ever read it."""
    return number == len(seen) - 1 and seen[number]["sessionUpdate"] == "user_message_chunk"


def _different_message(key: str, sure: Drawing, full: Drawing, shown: Drawing) -> list[str]:
    at_least, at_most, now = sure.messages.get(key, ""), full.messages[key], shown.messages[key]
    is_last = key == [one for one in full.order if one in full.messages][-1]
    if now == at_most:
        return []
    if is_last and now.startswith(at_least) and (now.startswith(at_most) or at_most.startswith(now)):
        return []
    return [f"{key} is {now!r} and was {at_most!r}"]


def _different_call(key: str, sure: Drawing, shown: Drawing) -> list[str]:
    was, now = sure.calls[key], shown.calls[key]
    if was.get("status") not in ("completed", "failed"):
        return []  # its end may have been stored without being sent, or was written by the reload
    return [
        f"{key}: `{name}` is {now.get(name)!r} and was {value!r}"
        for name, value in was.items()
        if now.get(name) != value
    ]
