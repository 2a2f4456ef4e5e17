"""A process that has loaded the agent once and gives birth to as many agents as a test wants to end.

Started as `python -m tests.durability.nursery FD`, it serves a Unix socket: a message with an environment and
three descriptors (input, output, log) is answered with the id of a new process that runs the installed
command on them; one with an id sends that process a signal, and is answered once it is gone.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys


def serve(control: socket.socket) -> None:
    """Answer until the other end is closed."""
    _load_everything()
    control.sendall(b"ready\n")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 65536, 3)
        if not message:
            return
        order = json.loads(message)
        if "end" in order:
            os.kill(order["end"], order["signal"])
            os.waitpid(order["end"], 0)
            control.sendall(b"gone\n")
            continue
        child = os.fork()
        if child == 0:
            control.close()
            _become_agent(fds, order["env"], order["arguments"])
        for fd in fds:
            os.close(fd)
        control.sendall(f"{child}\n".encode())


def _load_everything() -> None:
    for name in ("cli.serve", "server.serve", "sdk.agent", "surface.admission", "surface.v1.router"):
        importlib.import_module(f"acp_agent.{name}")
    for name in ("providers.scripted", "stores.claims", "stores.file", "stores.sqlite"):
        importlib.import_module(f"acp_agent.{name}")


def _become_agent(fds: list[int], env: dict[str, str], arguments: list[str]) -> None:
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(env)
    from acp_agent.cli.main import main

    try:
        code = main(arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
