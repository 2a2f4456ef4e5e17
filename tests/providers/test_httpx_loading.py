"""httpx is loaded by whichever threads come first, and none of them fails."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import threading
from acp_agent.providers.httpx_loading import load_httpx
barrier, failed = threading.Barrier(8), []
def load():
    barrier.wait()
    try:
        load_httpx()
        import httpx
        httpx.Timeout(1)
    except BaseException as exc:
        failed.append(repr(exc))
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failed)
"""


def test_threads_that_load_it_at_once_all_have_it() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
