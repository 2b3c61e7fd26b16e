"""The torch modules: a network beside a linear path, the links, the frames, the codes.

May import nothing of the package: modules receive built parts.
`_fitting`, `_estimators` and the components may import from it.
"""
