"""Programs by name: which run other programs, which change how the shell reads on, and where they lie."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

SHELLS = frozenset(
    (
        *("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "yash", "fish", "csh", "tcsh"),
        *("pwsh", "powershell", "cmd", "eval", "source", "."),
    )
)
"""Programs that run text as commands."""

WRAPPERS = SHELLS | frozenset(
    (
        *("env", "sudo", "doas", "su", "runuser", "sg", "timeout", "nice", "ionice", "chrt", "taskset"),
        *("nohup", "setsid", "stdbuf", "unbuffer", "script", "xargs", "parallel", "command", "builtin"),
        *("exec", "time", "coproc", "busybox", "toybox", "watch", "entr", "strace", "ltrace", "gdb"),
        *("valgrind", "chroot", "unshare", "nsenter", "flock", "prlimit", "setarch", "caffeinate", "ssh"),
        *("systemd-run", "systemd-inhibit", "dbus-run-session", "firejail", "bwrap", "flatpak-spawn"),
        *("tmux", "screen", "rlwrap", "expect", "at", "batch", "trap", "faketime", "proxychains"),
    )
)
"""Programs whose arguments are commands."""

RUNNERS = frozenset(
    (
        *("npx", "bunx", "uvx", "pipx", "uv", "poetry", "pipenv", "pdm", "hatch", "bundle", "npm", "pnpm"),
        *("yarn", "bun", "docker", "podman", "kubectl", "nix", "mise", "conda"),
    )
)
"""Programs that also run commands, but are called for other things most of the time."""

STATEFUL = frozenset(
    (
        *("alias", "unalias", "bind", "declare", "enable", "export", "getopts", "hash", "let", "local"),
        *("mapfile", "popd", "printf", "pushd", "read", "readarray", "readonly", "set", "shopt", "test"),
        *("typeset", "umask", "ulimit", "unset", "wait"),
    )
)
"""Builtins that change what later commands mean, or that may evaluate their arguments as code."""

APPENDING = frozenset(("xargs", "parallel"))
"""Programs that add words from their input to the command they run."""

BUILTINS = frozenset(("echo", "pwd", "true", "false"))
"""Harmless builtins of every shell, for which no file is looked up."""

_MULTICALL = frozenset(("busybox", "toybox"))  # on some systems every program is a link to one of these
_EXEC_OPTIONS = frozenset(("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"))
_SUFFIXES = (".exe", ".cmd", ".bat", ".com")


def base_name(program: str) -> str:
    """The program's own name, without folders and in lower case, for some disks ignore case."""
    name = program.replace("\\", "/").rpartition("/")[2].lower()
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def inner_start(words: tuple[str, ...], names: tuple[str, ...] = ()) -> int | None:
    """Where the commands that these words make their program run may start, or None if there are none.

    `names` are further names of the program.
    """
    if not words:
        return None
    program = base_name(words[0])
    if program in WRAPPERS | RUNNERS or not (WRAPPERS - _MULTICALL).isdisjoint(names):
        return 1
    if program in ("find", "fd", "fdfind"):
        return next((index + 1 for index, word in enumerate(words) if word in _EXEC_OPTIONS), None)
    return None


def is_certain(words: tuple[str, ...]) -> bool:
    """Whether a program with these words does the same wherever and with whatever it is called."""
    program = base_name(words[0])
    return program in RUNNERS or not (program in STATEFUL or inner_start(words) is not None)


def other_names(program: str, cwd: Path) -> tuple[str, ...]:
    """What else the program is called: its own name, and that of the file behind links."""
    file = _locate(program, cwd)
    if file is None:
        names = [] if " " in program else [base_name(program)]  # a text is no program, unless it is a file
    else:
        real = os.path.realpath(file)
        names = [base_name(program), real, base_name(real)]
    return tuple(name for name in dict.fromkeys(names) if name and name != program)


def is_from_outside(program: str, roots: Collection[Path]) -> bool:
    """Whether the shell would run a file that lies in none of the roots, where anybody may have put it."""
    if program in BUILTINS:
        return True
    if "/" in program:
        return False
    file = _locate(program, next(iter(roots)))
    if file is None:
        return False
    found, real = Path(os.path.abspath(file)), Path(os.path.realpath(file))
    return not any(root in (*found.parents, *real.parents) for root in roots)


def _locate(program: str, cwd: Path) -> str | None:
    """The file that a shell in `cwd` runs for this word."""
    folders = [""] if "/" in program else os.environ.get("PATH", "").split(os.pathsep)
    for folder in folders:
        file = os.path.join(cwd, folder, program)
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return None
