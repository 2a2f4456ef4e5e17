"""How long tests wait."""

from __future__ import annotations

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for a process, a thread or a socket.

A machine that is busy with something else takes many times as long as an idle one, and a wait that succeeds
costs nothing, however long it might have been.
"""
