"""Base64 as it crosses the wire: the standard alphabet, padded, without line breaks."""

from __future__ import annotations

import binascii


class InvalidBase64(ValueError):
    """The text is not base64."""

    def __init__(self) -> None:
        super().__init__("is not base64 (standard alphabet, padded, no line breaks)")


def decode(text: str) -> bytes:
    """The bytes behind `text`.

    Raises:
        InvalidBase64: there is anything in it that base64 does not have.
    """
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as exc:  # binascii's own error is one, and so is that of text outside ASCII
        raise InvalidBase64 from exc


def encode(data: bytes) -> str:
    """`data` as `decode` reads it."""
    return binascii.b2a_base64(data, newline=False).decode()
