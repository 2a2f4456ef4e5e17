"""What the model can do: read, search and change files, run commands, keep a plan.

A tool checks its arguments, says what running them would do (`preview`), and does it (`run`). It must not
know: who allowed the call, how a session or turn works, any wire format, any adapter of the ports it uses.
Files and processes are reached through the `Workspace` of the call; only the searches walk the disk
themselves, below a directory that the workspace resolved and without following links, and `git` looks at the
settings of the repository that directory is in.

Start reading at `builtin.py`, then `read.py` for the shape all tools share.
"""
