"""Changes to text as models ask for them: found where they belong though quoted imperfectly, never guessed.

Functions from text to text; they know no file, no workspace and no tool. Start reading at `replacing.py`.
"""
