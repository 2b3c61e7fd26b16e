"""Imputing as a step of a pipeline: estimators whose ``transform`` fills in.

May import `_estimators` and what rows need below it. Others may import the class, in
`sklearn_ae/__init__.py` alone.
"""
