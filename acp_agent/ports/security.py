"""What watches over the words that go in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SecurityProvider(Protocol):
    """Looks at texts. It is called between awaits, so it must be quick, and must not raise."""

    def taint_input(self, text: str) -> Sequence[str] | None:
        """Take note of a text from outside; what in it tries to give the model orders, if anything."""
        ...

    def sanitize_output(self, text: str) -> str:
        """The text without what must not be passed on."""
        ...

    def wipe(self) -> None:
        """Forget all texts that were taken note of."""
        ...

    def teardown(self) -> None:
        """The session is closed; nothing follows."""
        ...
