from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Server:
    """A PostgreSQL server of our own, on a socket in a directory of its own."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self._numbers = itertools.count()

    def run(self, program: str, *arguments: str) -> None:
        # Its output goes to a file: a server that is left running would keep a pipe open.
        with (self._folder / "output").open("ab") as output:
            subprocess.run(
                [self._programs / program, "-D", self._folder / "data", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                user=self._user,
                check=True,
                timeout=60,
            )

    def start(self) -> None:
        settings = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self.run("pg_ctl", "-w", "-o", settings, "start")

    def stop(self) -> None:
        """End it as a crash would."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def new_store(self) -> str:
        """The address of an empty schema."""
        import psycopg

        name = f"s{next(self._numbers)}"
        url = f"postgresql://postgres@/postgres?host={self._folder}"
        with psycopg.connect(url) as db:
            db.execute(f"CREATE SCHEMA {name}")
        return f"{url}&options=-csearch_path%3D{name}"


def _programs() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    programs = _programs()
    if os.name != "posix" or programs is None:
        pytest.skip("no PostgreSQL server is installed")
    # It does not run as root, and its socket needs a short path that its user can reach.
    user = "nobody" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="acp-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    server = Server(programs, folder, user)
    try:
        server.run(
            "initdb", "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_store(postgres: Server) -> Callable[[], str]:
    return postgres.new_store
