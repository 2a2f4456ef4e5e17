"""One process writes a session: the lock names its holder, and dies with it."""

import os
import subprocess
import sys
import threading

import pytest

from acp_agent.base.errors import SessionInUse, StoreError
from acp_agent.base.ids import SessionId
from acp_agent.stores.claims import Claims

S = SessionId("s")

HOLDER = """
import sys
from pathlib import Path
from acp_agent.base.ids import SessionId
from acp_agent.stores.claims import Claims
claims = Claims(Path(sys.argv[1]))
claims.claim(SessionId("s"))
print("held", flush=True)
sys.stdin.read()
"""


OVERTAKEN = """
import sys
from pathlib import Path
from acp_agent.base.errors import SessionInUse
from acp_agent.base.ids import SessionId
from acp_agent.stores.claims import Claims

first, second, third = [Claims(Path(sys.argv[1])) for _ in range(3)]
session = SessionId("s")
first.claim(session)
between = [True]

def hook(event, arguments):
    if event == "fcntl.flock" and between:
        between.clear()
        first.release(session)
        third.claim(session)

sys.addaudithook(hook)
try:
    second.claim(session)
except SessionInUse:
    print("refused")
"""
"""The second opens the file, the first removes it, the third makes a new one, then the second locks."""


@pytest.fixture
def claims(tmp_path):
    claims = Claims(tmp_path / "claims")
    yield claims
    claims.release_all()


def test_a_claim_names_its_holder_and_dies_with_it(tmp_path, claims):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "claims")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(
            SessionInUse, match=f"process {holder.pid} on `.+`; close it there first"
        ) as caught:
            claims.claim(S)
        assert caught.value.session_id == "s"
        with pytest.raises(SessionInUse):
            claims.check(S)
        holder.kill()
    claims.check(S)
    claims.claim(S)
    claims.claim(S)
    assert claims.holds(S)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be removed")
def test_the_lock_of_a_file_that_was_removed_meanwhile_does_not_count(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", OVERTAKEN, str(tmp_path)], stdout=subprocess.PIPE, check=True, timeout=30
    )
    assert told.stdout.strip() == b"refused"


def test_releasing_leaves_no_file_behind(tmp_path, claims):
    claims.claim(S)
    claims.release(S)
    claims.release(S)
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_check_makes_no_file(tmp_path, claims):
    claims.check(S)
    assert not (tmp_path / "claims").exists()


@pytest.fixture
def hasty_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_at_any_moment_one_of_many_holds_it(tmp_path):
    inside: list[int] = []
    overlaps: list[int] = []
    n_claimed = [0] * 6

    def contend(number: int) -> None:
        claims = Claims(tmp_path / "claims")
        for _ in range(300):
            try:
                claims.claim(S)
            except SessionInUse:
                continue
            inside.append(number)
            if len(inside) > 1:
                overlaps.append(number)
            n_claimed[number] += 1
            inside.remove(number)
            claims.release(S)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == []
    assert sum(n_claimed) > 0


def test_a_place_without_locks_is_named_with_a_remedy(tmp_path):
    (tmp_path / "claims").write_text("", "utf-8")
    with pytest.raises(StoreError, match=r"cannot lock .*; make its directory writable"):
        Claims(tmp_path / "claims").claim(S)


def test_children_do_not_inherit_a_claim(tmp_path, claims):
    claims.claim(S)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False) as child:
        claims.release_all()
        other = Claims(tmp_path / "claims")
        other.claim(S)
        other.release(S)
        child.communicate(b"\n")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be removed")
def test_files_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path, claims):
    claims.claim(S)
    for name in ("dead", "gone"):
        (tmp_path / "claims" / f"{name}.lock").write_text("{}", "utf-8")
    other = Claims(tmp_path / "claims")
    assert other.sweep() == 2
    assert [path.name for path in (tmp_path / "claims").iterdir()] == ["s.lock"]
    assert claims.sweep() == 0
