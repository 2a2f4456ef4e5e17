"""One model request: sends the history, publishes the stream, returns the calls the model made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import aclosing

import msgspec

from acp_agent.base.errors import ProviderError
from acp_agent.base.ids import IdSource, MessageId, ToolCallId
from acp_agent.engine.journal import Journal
from acp_agent.engine.turns.drafts import Draft, dropped, is_plain
from acp_agent.model import chat, events
from acp_agent.model.toolcall import ToolCall, ToolKind
from acp_agent.ports import Provider

CUT_OFF = "The model reached its limit of output before this call was complete; it was not run."
BROKEN_OFF = "The model's answer broke off before this call was complete; it was not run."


class StepResult(msgspec.Struct, frozen=True):
    """What a complete answer of the model amounts to.

    `recorded` is how it stands in the journal; once it does, every one of `calls` must be answered.
    """

    finish: chat.FinishReason
    usage: chat.Usage
    calls: tuple[ToolCall, ...]
    recorded: tuple[events.Event, ...]


async def run_step(
    provider: Provider,
    request: chat.ModelRequest,
    *,
    journal: Journal,
    taken_ids: Collection[ToolCallId] | None,
    new_id: IdSource,
    drain: Callable[[], Awaitable[None]],
) -> StepResult:
    """Ask the model once and publish what it says as it says it.

    A call keeps the id that the model gave it unless that is one of `taken_ids`; with None there, none does.

    A call is shown from the moment the model names its tool. Calls of an answer that was cut off, by an error
    or by the token limit, are shown as failed and dropped: their arguments may be incomplete.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    text_id = MessageId(new_id("msg"))
    thought_id = MessageId(new_id("msg"))
    drafts = _Drafts(request, journal, taken_ids, new_id)
    finished: chat.StepFinished | None = None
    try:
        async with aclosing(provider.stream(request)) as deltas:
            async for delta in deltas:
                match delta:
                    case chat.TextDelta(text):
                        journal.say(events.TextChunk(text_id, text))
                        await drain()
                    case chat.ThoughtDelta(text):
                        journal.say(events.ThoughtChunk(thought_id, text))
                        await drain()
                    case chat.ThoughtSealed(signature):
                        await journal.record(events.ThoughtEnded(thought_id, signature))
                        thought_id = MessageId(new_id("msg"))
                    case chat.CallStarted(index, call_id, name):
                        drafts.begin(index, call_id, name)
                    case chat.CallArguments(index, text):
                        if drafts.feed(index, text):
                            await drain()
                    case chat.StepFinished():
                        finished = delta
                    case chat.Retrying(attempt, delay, reason):
                        title = f"Asking the model again in {delay:.0f} s (try {attempt + 1})"
                        await journal.record(events.Noticed("info", title, reason))
        if finished is None:
            raise ProviderError(
                "the stream ended without an end",
                fault="bad_stream",
                provider=provider.name,
                retryable=True,
                hint="send the prompt again",
            )
    except ProviderError:
        await journal.record(*drafts.drop(BROKEN_OFF))
        raise
    calls: tuple[ToolCall, ...] = ()
    if finished.reason == "max_tokens":
        await journal.record(*drafts.drop(CUT_OFF))
    else:
        calls = drafts.finish()
    recorded = (
        *(events.CallRequested(call.id, call.name, call.arguments or {}) for call in calls),
        events.StepEnded(finished.reason, finished.usage, request.model.id),
    )
    return StepResult(finished.reason, finished.usage, calls, recorded)


class _Drafts:
    """The calls of one answer, by the index the provider gave them."""

    def __init__(
        self,
        request: chat.ModelRequest,
        journal: Journal,
        taken_ids: Collection[ToolCallId] | None,
        new_id: IdSource,
    ) -> None:
        self._kinds: dict[str, ToolKind] = {spec.name: spec.kind for spec in request.tools}
        self._journal = journal
        self._taken_ids = None if taken_ids is None else set(taken_ids)
        self._new_id = new_id
        self._drafts: dict[int, Draft] = {}

    def begin(self, index: int, call_id: str, name: str) -> None:
        replaced = self._drafts.pop(index, None)
        if replaced is not None:
            self._journal.say(events.CallShown(replaced.call_id, dropped(BROKEN_OFF)))
        draft = Draft(self._id_for(call_id), name)
        self._drafts[index] = draft
        kind = self._kinds.get(draft.name, "other")
        self._journal.say(events.CallShown(draft.call_id, draft.opening(kind)))

    def _id_for(self, wanted: str) -> ToolCallId:
        if self._taken_ids is None or not is_plain(wanted) or wanted in self._taken_ids:
            return ToolCallId(self._new_id("call"))
        self._taken_ids.add(ToolCallId(wanted))
        return ToolCallId(wanted)

    def feed(self, index: int, piece: str) -> bool:
        """Whether anything was shown."""
        draft = self._drafts[index]
        patch = draft.feed(piece)
        if patch is not None:
            self._journal.say(events.CallShown(draft.call_id, patch))
        return patch is not None

    def drop(self, why: str) -> list[events.Event]:
        return [events.CallShown(draft.call_id, dropped(why)) for draft in self._drafts.values()]

    def finish(self) -> tuple[ToolCall, ...]:
        drafts = [draft for _, draft in sorted(self._drafts.items())]
        for draft in drafts[1:]:  # the first is shown whole at once; these may have to wait for it
            patch = draft.progress()
            if patch is not None:
                self._journal.say(events.CallShown(draft.call_id, patch))
        return tuple(draft.finish() for draft in drafts)
