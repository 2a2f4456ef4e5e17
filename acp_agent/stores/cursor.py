"""The place where a page of a session list ended, as opaque text.

Lists are ordered by the last change, then by id, both descending. A cursor names the last entry a page
showed, so a list stays free of gaps and repeats while sessions come and go.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

from acp_agent.base import jsontext
from acp_agent.base.errors import InvalidChoice
from acp_agent.base.ids import SessionId

Position: TypeAlias = tuple[int, SessionId]
"""Last change in microseconds since 1970, and id: what lists are ordered by."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Stored: TypeAlias = tuple[Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)], str]


def microseconds(moment: datetime) -> int:
    """An aware moment as whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The UTC moment that `microseconds` counted."""
    return _EPOCH + microseconds * _MICROSECOND


def encode_cursor(position: Position) -> str:
    """The position as URL-safe text."""
    return base64.urlsafe_b64encode(jsontext.dump(position)).decode()


def decode_cursor(cursor: str) -> Position:
    """The position that `encode_cursor` wrote.

    Raises:
        InvalidChoice: the text is no cursor.
    """
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True)
        changed, session_id = msgspec.json.decode(text, type=_Stored)
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise InvalidChoice("cursor", cursor[:64], ("a `next_cursor` of an earlier page",)) from exc
    return changed, SessionId(session_id)
