"""Names of files for sessions, whatever their ids are made of."""

from __future__ import annotations

import re

from acp_agent.base.ids import SessionId

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


def file_name(session_id: SessionId) -> str:
    """A file name without suffix that no other id has, on file systems that ignore case too.

    An id that can be a name is its own name. Others, among them what Windows takes for a device, get a hash.
    """
    if _PLAIN.fullmatch(session_id) and not _DEVICES.fullmatch(session_id):
        return session_id
    import hashlib  # lazy: ids made here are names already

    return "~" + hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]
