"""Estimators in files that cannot run code: `save` and `load`.

A pickle calls whatever it names. Here a file is JSON and arrays, laid out as
safetensors are (see `container`), and names classes out of a fixed table (`known`),
which `graph` makes without calling them and gives the attributes that the file has.
Neither skops nor the library of safetensors is needed for that: skops would have to be
told of each of our classes all the same, and of the other it would be the layout alone,
some fifty lines.

`memory` is not stored, for joblib reads pickles from the folder that it names.
"""

import json
import os
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from sklearn_ae._export import container
from sklearn_ae._export.graph import NotStorable, Reader, Writer
from sklearn_ae._export.known import ESTIMATORS
from sklearn_ae._fitting.parameters import STATE_FORMAT
from sklearn_ae._version import __version__

# To be raised where a file of this version cannot be read by an older one.
FILE_FORMAT = f"1.{STATE_FORMAT}"
# What comes of reading what `save` did not write.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)


def save(estimator: BaseEstimator, path: str | PathLike) -> None:
    """Write an estimator to a file that cannot run code when it is loaded.

    One file has it all: weights, parameters and random streams, so that a loaded
    estimator goes on to the bit. It has the layout of safetensors. A file of that name
    is replaced when the new one is whole, and else stays as it is.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
        Fitted or not, of parts that this package has. It is not changed.
    path : str or path-like
        Where to write.

    Raises
    ------
    TypeError
        If it is not one of these two: of a pipeline, save the step.
    ValueError
        If a parameter is something that no file can hold: a network, optimizer,
        callback or function of the user's, or the folder of `memory`.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Read it again.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import sklearn_ae
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> ae = sklearn_ae.AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ae.safetensors"
    ...     sklearn_ae.save(ae, path)
    ...     loaded = sklearn_ae.load(path)
    >>> bool((loaded.transform(X) == ae.transform(X)).all())
    True
    """
    if type(estimator) not in ESTIMATORS:
        raise TypeError(
            "save takes an AutoencoderTransformer or a VAETransformer; of a Pipeline "
            "or another estimator around one save that step, and the rest by skops. "
            f"Got {type(estimator).__name__} instead."
        )
    _check_parameters(estimator)
    writer = Writer()
    root = _written(writer, estimator, estimator, "what it was fitted with")
    text = json.dumps({"root": root, "objects": writer.objects})
    labels = {
        "format": "sklearn_ae",
        "file_format": FILE_FORMAT,
        "version": __version__,
    }
    container.write(path, text, writer.arrays, **labels)


def _check_parameters(estimator):
    for name, value in estimator.get_params(deep=False).items():
        if name == "memory" and value is not None:
            raise ValueError(
                f"{type(estimator).__name__} with memory={value!r} cannot be saved, "
                "for joblib reads pickles from there; set memory to None first."
            )
        _written(Writer(), value, estimator, f"its parameter {name!r}")


def _written(writer, value, estimator, what):
    try:
        return writer.value(value)
    except NotStorable as refusal:
        raise ValueError(
            f"{type(estimator).__name__} cannot be saved, for {what} has {refusal}, "
            "which is not among the parts of sklearn_ae that a file can name; use "
            "those, or pickle."
        ) from None


def load(path: str | PathLike) -> Any:
    """Read an estimator from a file that `save` wrote.

    No code runs that the file could choose: it can name parts of this package alone.

    Parameters
    ----------
    path : str or path-like
        What to read.

    Returns
    -------
    estimator : AutoencoderTransformer or VAETransformer
        As it was saved. What was on a GPU is on the CPU where there is none.

    Raises
    ------
    ValueError
        If `save` did not write the file, it is damaged or has been changed, or a newer
        version wrote it in a format that this one does not know.
    OSError
        If there is no such file, or it cannot be read.

    See Also
    --------
    save : Write one; it has an example.
    """
    content = Path(path).read_bytes()
    name = os.fspath(path)
    try:
        labels, table, data = container.split(content)
        if labels["format"] != "sklearn_ae":
            raise ValueError("it is of something else")
        form, version = labels["file_format"], labels["version"]
    except DAMAGE:
        raise ValueError(
            f"{name!r} is no file of sklearn_ae.save, or not whole."
        ) from None
    if form != FILE_FORMAT:
        raise ValueError(
            f"{name!r} was written by sklearn_ae {version:.20} in format {form:.20}, "
            f"and sklearn_ae {__version__} reads format {FILE_FORMAT}; load it with "
            "the version that wrote it."
        )
    try:
        return _read(container.arrays_of(labels, table, data), labels["state"])
    except DAMAGE as damage:
        raise ValueError(
            f"{name!r} is damaged or was changed, and is not loaded: "
            f"{type(damage).__name__}, {damage!s:.200}."
        ) from None


def _read(arrays, text):
    graph = json.loads(text)
    estimator = Reader(graph["objects"], arrays).value(graph["root"])
    if type(estimator) not in ESTIMATORS:
        raise ValueError(f"it holds {type(estimator).__name__}, which is no estimator")
    if getattr(estimator, "memory", None) is not None:
        raise ValueError("it names a folder of memory, which joblib would read")
    return estimator
