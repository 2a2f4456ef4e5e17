"""The pre-flight for ACP's registry: whether an entry and its agent keep what the registry's own checks ask.

Must not know: the network; that packages and archives exist is told to be unchecked, never looked up.
Start reading at `preflight.py`.
"""
