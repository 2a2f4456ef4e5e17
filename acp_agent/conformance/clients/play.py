"""A record of one part: what passed between a client and the agent that played it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base import jsontext
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.conformance.agent_process import Line
from acp_agent.conformance.reach import at, object_at
from acp_agent.conformance.verdicts import Inconclusive, NotAdvertised, expect

Part: TypeAlias = Literal["everything", "surprises", "uninvited", "version", "error", "end"]
"""What the agent in front of the client plays."""


class Play(msgspec.Struct, frozen=True):
    """What came of a part: all lines, the agent's notes, and how the client ended; None if it did not."""

    log: tuple[Line, ...]
    notes: tuple[JsonObject, ...]
    exit_code: int | None
    seconds: float
    stderr: str

    def frames(self, *methods: str) -> list[JsonObject]:
        """The client's messages, with these methods if any is named."""
        found = (line.frame for line in self.log if line.sender == "client")
        return [
            frame for frame in found if frame is not None and (not methods or frame.get("method") in methods)
        ]

    def need_prompt(self) -> None:
        """Go on if there was a turn.

        Raises:
            Inconclusive: the client sent no prompt; says how it ended.
        """
        if not self.frames("session/prompt"):
            raise Inconclusive(f"the client sent no prompt{self.ending}")

    @property
    def ending(self) -> str:
        """What to say behind a reason for which how the client ended may be to blame."""
        if self.exit_code is None:
            return f"; it still ran after {self.seconds:.0f} s"
        return f"; it ended with exit code {self.exit_code}, reports have its stderr"

    def asked(self, id: str) -> bool:
        """Whether the agent sent the request with this id."""
        return any(line.sender == "agent" and at(line.frame, "id") == id for line in self.log)

    def answers(self, id: JsonValue) -> list[JsonObject]:
        """The client's responses to the request with this id."""
        return [frame for frame in self.frames() if "method" not in frame and frame.get("id") == id]

    def answer(self, id: str) -> JsonObject:
        """The client's response to a request.

        Raises:
            NotAdvertised: the agent had no reason to ask.
            Inconclusive: the conversation did not get so far.
            Broken: there is no response.
        """
        self.need_prompt()
        if not self.asked(id):
            raise NotAdvertised("the client does not offer it")
        found = self.answers(id)
        expect(bool(found), f"the request `{id}` was not answered")
        return found[0]

    def result(self, id: str) -> JsonObject:
        """The result in the client's response to a request.

        Raises:
            Broken: it is an error.
        """
        answer = self.answer(id)
        expect("error" not in answer, f"answered {jsontext.dump_text(answer)[:300]}")
        return object_at(answer, "result")
