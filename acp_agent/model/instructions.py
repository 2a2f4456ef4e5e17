"""Files with instructions for agents."""

from __future__ import annotations

import msgspec


class InstructionFile(msgspec.Struct, frozen=True):
    """A file that tells agents how to work here; absolute path."""

    path: str
    text: str


class KnownFile(msgspec.Struct, frozen=True):
    """An instruction file as the model was told of it; `digest` is the SHA-256 of its text."""

    path: str
    digest: str
