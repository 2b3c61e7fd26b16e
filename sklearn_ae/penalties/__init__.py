"""Penalties on codes, added to the loss in training.

A penalty is a small estimator without torch state; ``build`` gives a module whose
``forward(code, encode, x, generator)`` returns the penalty of each row, over the loss's
``natural_scale``. `code` is on the inner scale; ``encode`` made it from the centred
rows `x`, as the encoder got them.

One with ``rotatable = True`` asks the same of codes in every orthonormal basis, so that
they may be turned after training; any other is about single columns, which are kept.
A built one that needs many rows at a time has the range of batch sizes that "auto" is
to keep to as its ``batch_rows``, and the learning rate that "auto" is to be as its
``peak_rate``.

Penalties in a list are added up, each with its own weight.

May import `_utils`, and no other component.
Users import the classes; `_estimators` and `_fitting` may import `_build` as well.
"""

from sklearn_ae.penalties._codes import L1, Contractive, Decorrelation, KLSparsity
from sklearn_ae.penalties._neighbours import Neighbours

__all__ = ["L1", "Contractive", "Decorrelation", "KLSparsity", "Neighbours"]
