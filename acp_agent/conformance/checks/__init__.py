"""The requirements, one module per area; `catalogue.py` one level up lists them all."""
