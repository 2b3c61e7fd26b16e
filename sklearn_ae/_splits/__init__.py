"""Which rows a fit holds out: at random, by group, the last ones, or given apart.

May import `_training`, `_inference`, `_utils` and `_validation`. `_fitting` and the
estimators may import from it, and `model_selection` the rule that is public.
"""
