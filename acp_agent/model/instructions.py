"""What a session finds around it: files with instructions for agents, the state of the repository."""

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


class Surroundings(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        files: those that apply, the one that wins last.
        repository: branch and commit, in words; empty outside of a repository.
        problems: why files that look like instructions are not used, as sentences for people.
    """

    files: tuple[InstructionFile, ...] = ()
    repository: str = ""
    problems: tuple[str, ...] = ()
