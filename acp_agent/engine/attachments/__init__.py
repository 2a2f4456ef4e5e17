"""What a prompt brings along, made fit for a model. Reads files through the workspace only.

Start reading at `attaching`.
"""
