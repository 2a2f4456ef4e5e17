"""Files and processes as one session may see them: adapters of the `Workspace` port.

Every path is confined to the session's directories, every command runs in a process group of its own that
dies with it, and the kernel confines what commands and writes change where it can. Must not know: tools,
permissions, sessions, any wire format. A workspace is asked for things only after somebody else decided that
they are allowed.

Start reading at `local.py`, then `confine.py` for what a path may be, `process.py` for how a command ends and
`sandbox.py` for what the kernel sees to.
"""
