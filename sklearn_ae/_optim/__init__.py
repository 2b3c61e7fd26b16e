"""The optimizer: AdamW as torch's own, over flat buffers.

It imports none of our rooms and knows neither nets nor estimators, so that torch's own
tests of optimizers apply. Only `_training` imports it.
"""
