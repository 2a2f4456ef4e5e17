"""What can be configured, where it is read from and how far a project is trusted. Makes no agent.

Start reading at `config`.
"""
