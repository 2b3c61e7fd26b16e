"""The optimizer: AdamW over flat buffers, used as torch's own.

May import none of our rooms: it knows neither nets nor estimators. Only `_training`
may import from it.
"""
