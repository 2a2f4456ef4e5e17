"""Questions to the user: made fit to show, their answers checked. Knows no client that shows them.

Start reading at `asking`.
"""
