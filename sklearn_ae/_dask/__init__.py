"""dask's arrays and frames: results a block at a time, and fits of what blocks have.

May import `_frames`, `_utils` and, within functions alone, dask. `_estimators` and
`_fitting` may import from it. Nothing here is reached for what is not dask's.
"""
