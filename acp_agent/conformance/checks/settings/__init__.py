"""What a user can set: modes, config options, commands.

Must not know: which modes, options or models there are.
Start reading at `options.py`.
"""
