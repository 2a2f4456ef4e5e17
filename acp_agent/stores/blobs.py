"""Bytes that are named by what is in them."""

from __future__ import annotations

from acp_agent.base.errors import StoreCorrupt, StoreError
from acp_agent.base.ids import SessionId


def blob_name(data: bytes) -> str:
    """The SHA-256 of the bytes, in hexadecimal."""
    import hashlib  # lazy: most sessions keep no blobs

    return hashlib.sha256(data).hexdigest()


def checked_blob(session_id: SessionId, blob_id: str, data: bytes | None) -> bytes:
    """The bytes, if they are there and what their name says.

    Raises:
        StoreError: they are not there, or damaged.
    """
    if data is None:
        raise StoreError(f"session `{session_id}` has no blob `{blob_id}`")
    if blob_name(data) != blob_id:
        raise StoreCorrupt(f"blob `{blob_id}` of session `{session_id}` is damaged and cannot be restored")
    return data
