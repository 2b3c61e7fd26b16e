"""The PCA that training starts from: centre, scales, principal axes and noise.

May import `_rows`, `_modules` and `_inference`. `_fitting`, what is above it and the
displays may import from it; there is no training here.
"""
