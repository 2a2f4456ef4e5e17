"""A program of its own that searches files for a regular expression, so that a slow one can be killed.

Run by path with `python -I -S`; it therefore imports nothing but the standard library. Arguments: the
pattern, and `i` to ignore case. Standard input: the files, each ended by NUL, relative to the working
directory. Standard output: matching lines as `file NUL number : line`. Exit code 2 and a message on standard
error for a bad pattern.
"""

import os
import re
import stat
import sys

MAX_FILE_BYTES = 10 * 1024 * 1024
"""Larger files are passed over."""

MAX_LINE = 4_000
"""Characters written of one line."""


def main() -> int:
    """Search what standard input names."""
    try:
        pattern = re.compile(sys.argv[1], re.IGNORECASE if sys.argv[2:] == ["i"] else 0)
    except (re.error, OverflowError, RecursionError) as exc:
        sys.stderr.buffer.write(str(exc).encode("utf-8", "replace"))
        return 2
    pending = b""
    while block := os.read(0, 65_536):
        *names, pending = (pending + block).split(b"\0")
        for name in names:
            _search(os.fsdecode(name), pattern)
    return 0


def _search(name: str, pattern: "re.Pattern[str]") -> None:
    content = _content(name)
    if content is None:
        return
    output = sys.stdout.buffer
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        line = line.removesuffix("\r")
        if pattern.search(line):
            output.write(b"%b\0%d:%b\n" % (os.fsencode(name), number, line[:MAX_LINE].encode()))
    output.flush()


def _content(name: str) -> "bytes | None":
    """The file's bytes, or None if it is no text file or cannot be read."""
    flags = os.O_RDONLY
    for option in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"):
        flags |= getattr(os, option, 0)
    try:
        with open(os.open(name, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE_BYTES:
                return None
            content = file.read(MAX_FILE_BYTES)
    except OSError:
        return None
    if b"\0" in content:
        return None
    return content[:-1] if content.endswith(b"\n") else content


if __name__ == "__main__":
    sys.exit(main())
