"""Wide tables: training in the space that the rows span, of as many columns as rows.

Squared errors and the networks' inner layers are the same in every orthonormal basis,
so that a step costs what it costs on a table as wide as it is long. The outer layers
and the linear path go into that space before training and come back after it.
"""

from contextlib import contextmanager

import numpy as np
import torch
from scipy.linalg import qr
from torch import nn

from sklearn_ae._modules.links import IdentityLink
from sklearn_ae._pca.start import misses_values
from sklearn_ae._rows.lazy import LazyRows
from sklearn_ae._rows.sparse import MOST_TOGETHER, SparseRows
from sklearn_ae._rows.stored import StoredRows
from sklearn_ae._utils import resolve
from sklearn_ae.networks import MLP
from sklearn_ae.networks._by_name import NETWORKS

# Features over rows from which the space of the rows is the cheaper place.
WIDE = 2
# Features of the basis that are turned at a time.
ROWS_TOGETHER = 4096
# The buffers of a module that have a value for each feature.
BUFFERS = ("encode_weight", "decode_weight", "input_scale", "output_branch_scale")


def fits_row_space(estimator, module, rows):
    """Whether an estimator trains the same in the space of centred rows.

    Parameters
    ----------
    estimator : Fitting
        Whose loss is the same in every orthonormal basis. What users watch the net
        with, or train it by, is to meet the net that they get.
    module : TwoPaths
        The module to train.
    rows : ndarray or LazyRows of shape (n_rows, n_features)
    """
    network = resolve(estimator.network, NETWORKS)
    return (
        rows.shape[1] >= WIDE * len(rows)
        and _may_be_dense(rows)
        and not misses_values(rows)
        and type(network) is MLP
        and not network.tied
        and module.encode_weight is not None
        and module.corruption is None
        and module.penalty is None
        and type(module.cost.link) is IdentityLink
        and not estimator.callbacks
        and not estimator.net_params
    )


def _may_be_dense(rows):
    """Whether a basis of the rows, as large as dense ones, is no burden."""
    return not isinstance(rows, SparseRows) or rows.size <= MOST_TOGETHER


@contextmanager
def in_row_space(net, rows, random_state):
    """Have a net take coordinates of rows, in the block, instead of the rows.

    Afterwards it takes rows again: those of the table give the same as before, and of
    others counts what lies in the space. The optimizer is a new one.

    Parameters
    ----------
    net : Net
        Its module is one that `fits_row_space`.
    rows : ndarray or LazyRows of shape (n_rows, n_features)
        Centred rows.
    random_state : RandomState
        Turns the basis.

    Yields
    ------
    coordinates : ndarray or StoredRows of shape (n_rows, n_rows)
        The rows in an orthonormal basis of their space.
    """
    basis, coordinates = _turned_basis(rows, random_state)
    if isinstance(rows, LazyRows):
        # Those to train on are no copy beside them.
        nothing = np.zeros(len(rows), dtype=coordinates.dtype)
        coordinates = StoredRows(coordinates, nothing)
    module = net.module_
    space = _Space(module, basis)
    space.enter(module)
    net.initialize_optimizer()
    net.leave_space_ = space.leave
    yield coordinates
    net.leave_space_ = None
    space.leave(module)
    net.initialize_optimizer()


def _turned_basis(rows, random_state):
    """Return a basis, one axis a column, and the rows in it.

    Adam is not the same in every basis. Where each direction of the data has a share in
    each column, as it has in features, networks learn as they do from features; in a
    basis of principal axes, or of QR, they learn noise.
    """
    basis, triangle = _orthonormal(_columns_of(rows))
    # One name: draws in double precision are not kept.
    turn = random_state.standard_normal((len(rows), len(rows)))
    turn = np.array(turn, dtype=rows.dtype, order="F")
    turn = _orthonormal(turn)[0]
    for first in range(0, len(basis), ROWS_TOGETHER):
        part = slice(first, first + ROWS_TOGETHER)
        basis[part] = basis[part] @ turn
    return basis, triangle.T @ turn


def _columns_of(rows):
    """Return a copy of rows, each of them a column, that is their only dense one."""
    columns = np.empty(rows.shape[::-1], dtype=rows.dtype, order="F")
    start = 0
    for block in rows.blocks() if isinstance(rows, LazyRows) else [rows]:
        columns[:, start : start + len(block)] = block.T
        start += len(block)
    return columns


def _orthonormal(columns):
    """Return a basis of columns, written over them, and the triangle to multiply it by.

    In their own precision: NumPy's takes several copies in double.
    """
    return qr(columns, mode="economic", overwrite_a=True, check_finite=False)


class _Space:
    """The way of a module's outer layers into a space and back.

    Parameters
    ----------
    module : TwoPaths
        Takes features.
    basis : ndarray of shape (n_features, n_axes)
        Orthonormal columns.
    """

    def __init__(self, module, basis):
        like = module.input_scale
        self.basis = torch.as_tensor(basis, dtype=like.dtype, device=like.device)
        self.buffers = {name: getattr(module, name) for name in BUFFERS}
        # Of codes whose prefixes are codes, a row for each of these.
        self.prefix_scales = getattr(module, "branch_scales", None)

    @torch.no_grad()
    def enter(self, module):
        """Have a module take and give coordinates."""
        basis, buffers = self.basis, self.buffers
        n_axes = basis.shape[1]
        # No axis has a scale of its own.
        scale = buffers["input_scale"]
        input_scale = 1 / _spread_of_each(1 / scale[scale > 0], n_axes)
        output_scale = _spread_of_each(buffers["output_branch_scale"], n_axes)
        module.input_scale = input_scale.repeat(n_axes)
        module.output_branch_scale = output_scale.repeat(n_axes)
        module.encode_weight = basis.T @ buffers["encode_weight"]
        module.decode_weight = buffers["decode_weight"] @ basis
        first, last = module.encoder[0], module.decoder[-1]
        weight = (first.weight * (scale / input_scale)) @ basis
        module.encoder[0] = _linear(weight, first.bias)
        if self.prefix_scales is not None:
            spreads = [_spread_of_each(row, n_axes) for row in self.prefix_scales]
            module.branch_scales = torch.stack(spreads)[:, None].repeat(1, n_axes)
        scale = buffers["output_branch_scale"] / output_scale
        weight = last.weight.new_empty(n_axes, last.in_features)
        bias = last.bias.new_empty(n_axes)
        # Some at a time: there is no second basis.
        step = max(1, MOST_TOGETHER // len(basis))
        for start in range(0, n_axes, step):
            axes = slice(start, start + step)
            into = basis[:, axes].T * scale
            weight[axes], bias[axes] = into @ last.weight, into @ last.bias
        module.decoder[-1] = _linear(weight, bias)

    @torch.no_grad()
    def leave(self, module):
        """Have it take and give features again."""
        basis, scale = self.basis, self.buffers["input_scale"]
        first, last = module.encoder[0], module.decoder[-1]
        # A column that the encoder does not see has no part in the basis.
        unscale = torch.where(scale > 0, module.input_scale[0] / scale, 0.0)
        weight = (first.weight @ basis.T).mul_(unscale)
        module.encoder[0] = _linear(weight, first.bias)
        module.decoder[-1] = _linear(basis @ last.weight, basis @ last.bias)
        # It is the same along every axis.
        output_scale = module.output_branch_scale[0].repeat(len(basis))
        for name, buffer in self.buffers.items():
            setattr(module, name, buffer)
        module.output_branch_scale = output_scale
        if self.prefix_scales is not None:
            module.branch_scales = module.branch_scales[:, :1].repeat(1, len(basis))


def _spread_of_each(scales, n_axes):
    """Return the standard deviation of axes that share the columns' variance."""
    largest = scales.max()  # Squares may be out of float32's range.
    if largest == 0:
        return largest
    return largest * ((scales / largest).square().sum() / n_axes).sqrt()


def _linear(weight, bias):
    """Return a linear layer with these weights."""
    layer = nn.Linear(*weight.shape[::-1], device="meta")
    layer.weight = nn.Parameter(weight.contiguous())
    layer.bias = nn.Parameter(bias.detach())
    return layer
