"""The skills of a session, for the tools by which a model uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from acp_agent.model.skill import Skill


class SkillShelf(Protocol):
    """The skills there are at the moment."""

    def take(self, name: str) -> Skill:
        """The skill of this name, which is in use from now on to the end of the turn.

        Raises:
            ToolError: there is none that a model may use; the message says which there are.
        """
        ...

    def search(self, words: str) -> Sequence[Skill]:
        """Those whose name or description has the most of these words, the best first."""
        ...

    @property
    def fits_catalogue(self) -> bool:
        """Whether the model has been told of all of them, so that it need not search."""
        ...
