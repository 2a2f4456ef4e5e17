"""The store that `acp-agent sessions` works on."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from acp_agent.base.errors import SessionNotFound
from acp_agent.base.ids import SessionId
from acp_agent.model.session import SessionRecord
from acp_agent.ports import SessionStore
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.store import open_store


@asynccontextmanager
async def stored(args: Namespace) -> AsyncGenerator[SessionStore]:
    """The store that the settings or `--store` name."""
    given = {name: value for name in ("store", "config") if (value := getattr(args, name))}
    config = load_config(cwd=None, env=os.environ, cli=given)
    store = open_store(config.store_choice)
    try:
        yield store
    finally:
        await store.aclose()


async def known(store: SessionStore, session_id: str) -> SessionRecord:
    """The session's record.

    Raises:
        SessionNotFound: it is not stored.
    """
    record = await store.get(SessionId(session_id))
    if record is None:
        raise SessionNotFound(session_id)
    return record
