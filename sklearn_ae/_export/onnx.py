"""Fitted estimators as ONNX models."""

import logging
import warnings
from contextlib import contextmanager
from importlib import import_module

import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._estimators.base import BaseAutoencoder
from sklearn_ae._export.graphs import PARTS, graph_of
from sklearn_ae._utils import own_modes


def needed(package, what):
    """Return a package of the extra, or say how to get it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"{what} needs {package}; install it with pip install 'sklearn-ae[onnx]'."
        ) from error


@contextmanager
def _quietly():
    """Leave out what the exporter tells of torchvision, and of names to come.

    What fails is told by the error that is raised.
    """
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _check(estimator, part):
    if not isinstance(estimator, BaseAutoencoder):
        raise TypeError(
            "The 'estimator' parameter of to_onnx must be a fitted "
            f"AutoencoderTransformer or VAETransformer. Got {estimator!r} instead; "
            "pipelines are for skl2onnx.to_onnx, after register_converters."
        )
    check_is_fitted(estimator)
    if part not in PARTS:
        raise ValueError(
            "The 'part' parameter of to_onnx must be one of "
            f"{', '.join(map(repr, PARTS))}. Got {part!r} instead."
        )


def model_of(estimator, part="encoder", opset=None):
    """Return a part of a fitted estimator as an ONNX model.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
    part : {"encoder", "decoder", "reconstruct", "score"}, default="encoder"
    opset : int or None, default=None
        Version of ONNX's operators; None is what torch recommends.

    Returns
    -------
    model : onnx.ModelProto
    """
    _check(estimator, part)
    for package in ("onnx", "onnxscript"):
        needed(package, "to_onnx")
    graph, example = graph_of(estimator, part)
    try:
        with own_modes(inference=False), torch.no_grad(), _quietly():
            return _exported(graph.eval(), example, PARTS[part], opset)
    except _NoGraphError as error:
        raise ValueError(
            f"The network of {type(estimator).__name__} cannot be exported, for torch "
            "finds no ONNX graph of it that holds for all values and any number of "
            f"rows: {_first_reason(error)}"
        ) from error


class _NoGraphError(Exception):
    """Whatever torch raises of many kinds; it is the cause."""


def _exported(graph, example, names, opset):
    given, found = names
    n_rows = torch.export.Dim("n_rows")
    # Strictly takes longer, but follows a network that asks a tensor for its len().
    for strict in (False, True):
        try:
            traced = torch.export.export(
                graph, (example,), dynamic_shapes=({0: n_rows},), strict=strict
            )
            program = torch.onnx.export(
                traced,
                dynamo=True,
                input_names=[given],
                output_names=[found],
                opset_version=opset,
                verbose=False,
            )
        except Exception as error:
            failure = error
        else:
            return _without_origins(program.model_proto)
    raise _NoGraphError from failure


def _without_origins(model):
    """Leave out of which line of whose files each operator came, and return the model.

    It is as large as a small network, and has the paths of this machine.
    """
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    return model


def _first_reason(error):
    """Return the first line of what an error came from in the end."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().split("\n", 1)[0]
