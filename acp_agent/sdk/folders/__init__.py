"""Agents, commands, skills and instructions from folders of the user or a trusted project. Runs none.

Start reading at `prompts`.
"""
