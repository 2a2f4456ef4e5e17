"""The tokens of the running turn, for the answer to its prompt (unstable `PromptResponse.usage`)."""

from __future__ import annotations

from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.model.chat import Usage


class TurnUsage:
    """A running fold over one session's events."""

    def __init__(self) -> None:
        self._steps: list[Usage] = []

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        if isinstance(event, events.TurnStarted):
            self._steps.clear()
        elif isinstance(event, events.StepEnded):
            self._steps.append(event.usage)

    def shown(self) -> JsonObject | None:
        """The turn so far as the protocol's `Usage`; None if no model said what it used.

        Every token is counted under one kind, so the total is their sum: what came from a cache is no input
        besides, and thinking no output.
        """
        read = sum(step.input_tokens for step in self._steps)
        written = sum(step.output_tokens for step in self._steps)
        if read + written == 0:
            return None
        cache_read = sum(step.cache_read_tokens for step in self._steps)
        cache_write = sum(step.cache_write_tokens for step in self._steps)
        thought = sum(step.thought_tokens for step in self._steps)
        shown: JsonObject = {
            "totalTokens": read + written,
            "inputTokens": max(read - cache_read - cache_write, 0),
            "outputTokens": max(written - thought, 0),
        }
        for name, n_tokens in (
            ("thoughtTokens", thought),
            ("cachedReadTokens", cache_read),
            ("cachedWriteTokens", cache_write),
        ):
            if n_tokens:  # services that do not count a kind leave it out as well
                shown[name] = n_tokens
        return shown
