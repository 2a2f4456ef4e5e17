"""A connection to PostgreSQL, used by one call at a time and opened again when it broke.

Calls run in worker threads with the driver's blocking interface: its other one works on one kind of event
loop only, and not on the one Windows has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Never, TypeVar

import anyio
import anyio.to_thread

from acp_agent.base.errors import StoreError
from acp_agent.stores.postgres_address import shown_address, without_secrets

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_TIMEOUT = 10
"""Seconds to wait for a server."""

_T = TypeVar("_T")


class _Call:
    """Who closes the connection of one call: its thread, if nobody waits for it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_abandoned = False
        self.connection: Connection | None = None

    def finish(self, connection: Connection) -> None:
        with self._lock:
            self.connection = connection
            if not self._is_abandoned:
                return
        connection.close()

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
            connection = self.connection
        if connection is not None:
            connection.close()


class Link:
    """A connection to the database at `url`; `prepare` is called with every one that is opened.

    A call that is cancelled goes on in its thread, with an outcome nobody hears of; the next one gets a
    connection of its own.
    """

    def __init__(self, url: str, prepare: Callable[[Connection], None]) -> None:
        self._url = url
        self._prepare = prepare
        self._order = anyio.Lock(fast_acquire=True)
        self._connection: Connection | None = None

    async def run(self, work: Callable[[Connection], _T]) -> _T:
        """What `work` returns for the connection, in a thread.

        Raises:
            StoreError: the database cannot be reached or used; says so without passwords.
        """
        async with self._order:
            before, self._connection = self._connection, None
            call = _Call()

            def called() -> Callable[[], _T]:
                with _mapped(self._url):
                    connection = before if before is not None and not before.closed else self._connect()
                try:
                    with _mapped(self._url):
                        result = work(connection)
                except StoreError as exc:
                    return _raising(exc)
                finally:
                    call.finish(connection)
                return lambda: result

            try:
                outcome = await anyio.to_thread.run_sync(called, abandon_on_cancel=True)
            except BaseException:
                call.abandon()
                raise
            self._connection = call.connection
            return outcome()

    async def aclose(self) -> None:
        """Close the connection; the next call opens another one."""
        async with self._order:
            connection, self._connection = self._connection, None
            if connection is not None:
                await anyio.to_thread.run_sync(connection.close)

    def _connect(self) -> Connection:
        try:
            import psycopg  # lazy: an extra, and heavy
        except ImportError as exc:
            raise StoreError("the session store needs psycopg; install `acp-agent[postgres]`") from exc

        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT,
            application_name="acp-agent",
            # Notices within a minute that the other side is gone, so that sessions can be picked up.
            keepalives_idle=20,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=50_000,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _raising(exc: StoreError) -> Callable[[], Never]:
    def raised() -> Never:
        raise exc

    return raised


@contextmanager
def _mapped(url: str) -> Generator[None]:
    try:
        yield
    except Exception as exc:
        if isinstance(exc, StoreError):
            raise
        import psycopg  # lazy: it is loaded if it raised this

        if not isinstance(exc, psycopg.Error):
            raise
        where = shown_address(url)
        if isinstance(exc, psycopg.ProgrammingError) and exc.sqlstate is None:
            # The driver repeats what it could not read, and that may be a password.
            raise StoreError(f"session store `{where}`: the address cannot be used") from None
        said = without_secrets(" ".join(str(exc).split()), url)
        remedy = (
            "; check that the server runs and lets you in"
            if isinstance(exc, psycopg.OperationalError)
            else ""
        )
        raise StoreError(f"session store `{where}`: {said}{remedy}") from None
