"""Shell lines, read but not run: what one would do, judged on its grammar. Knows no rule and no mode.

Start reading at `line`.
"""
