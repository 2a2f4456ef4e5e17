"""Who may do what: rules and modes, decided without asking anybody. Pure; knows no client and no tool.

Start reading at `policy`.
"""
