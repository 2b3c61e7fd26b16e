"""From an estimator's components to the torch module of its net."""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from numbers import Real

import numpy as np
import torch

from sklearn_ae._modules.autoencoder import Autoencoder
from sklearn_ae._modules.frames import (
    NOISE_FLOOR,
    UNKNOWN_SHARE,
    ordered_frame,
    pca_frame,
    ppca_frame,
    prefix_scales,
)
from sklearn_ae._modules.links import ClippedLink
from sklearn_ae._modules.ordered import OrderedAutoencoder
from sklearn_ae._modules.variational import VariationalAutoencoder
from sklearn_ae._rows.columns import highest, lowest, n_equal
from sklearn_ae._utils import StrOptions, component, is_ours, resolve, seeded
from sklearn_ae.corruptions._build import (
    CORRUPTIONS,
    build_corruption,
    corrupted_scale,
)
from sklearn_ae.networks._by_name import NETWORKS
from sklearn_ae.penalties._build import PENALTIES, build_penalty

PART_CONSTRAINTS = {
    "network": [
        StrOptions(set(NETWORKS)),
        component(
            "an instance from sklearn_ae.networks, such as "
            "MLP(hidden_layer_sizes=(64, 32)) or Custom(encoder, decoder)"
        ),
    ],
    "corruption": [
        StrOptions(set(CORRUPTIONS)),
        component("an instance from sklearn_ae.corruptions"),
        callable,
        list,
        None,
    ],
    "penalty": [
        StrOptions(set(PENALTIES)),
        component("an instance from sklearn_ae.penalties"),
        list,
        None,
    ],
}


class Parts:
    """What an estimator was given for them.

    Parameters
    ----------
    estimator : Fitting
        Whose parameters to take.
    data_range : tuple of (float, float)
        The lowest and the highest value of the training rows.
    """

    def __init__(self, estimator, data_range):
        self.network = resolve(estimator.network, NETWORKS)
        self.corruption = estimator.corruption
        self.penalty = estimator.penalty
        self.data_range = data_range

    def frame_options(self, start):
        """Return what a frame has to know of them."""
        options = {
            "pooled_input": getattr(self.network, "pooled_input", False),
            "corrupted": self.corruption is not None,
        }
        if self.corruption is not None:
            options["seen_scale"] = corrupted_scale(
                self._corruption(start), start.feature_scale
            )
        return options

    def _corruption(self, start):
        return build_corruption(
            self.corruption,
            center=start.mean,
            feature_scale=start.feature_scale,
            data_range=self.data_range,
        )

    @contextmanager
    def drawing(self, seed, device, *others):
        """Yield the generator that weights are drawn from, or None for torch's own.

        That is seeded inside the block, and lent, where a part is the user's: it may
        draw as it likes.

        Parameters
        ----------
        seed : int
        device : torch.device
            Whose generator of torch's to seed, beside the CPU's.
        *others : objects
            Further components whose modules are built in the block.
        """
        parts = [self.network, self.corruption, self.penalty, *others]
        # Modules are built here and sent to their device, whatever torch's default is.
        with torch.device("cpu"):
            if all(map(is_ours, parts)):
                yield torch.Generator().manual_seed(seed)
            else:
                with seeded(seed, device):
                    yield None

    def build(
        self,
        start,
        frame,
        *,
        encoder_outputs,
        decoder_outputs,
        natural_scale,
        generator,
        decoder_inputs=None,
    ):
        """Return the modules by name, and whether the encoder takes flags.

        Parameters
        ----------
        start : Start
        frame : Frame
        encoder_outputs, decoder_outputs : int
            Numbers of columns that the networks give.
        natural_scale : float
            What the loss is divided by.
        generator : torch.Generator or None
            What `drawing` gave.
        decoder_inputs : int or None, default=None
            Number of columns that the decoder network gets; None is one a component.
        """
        takes_flags = start.is_incomplete and getattr(self.network, "flaggable", False)
        encoder, decoder = self.network.build(
            len(start.mean),
            decoder_inputs or len(start.variances),
            encoder_outputs=encoder_outputs,
            decoder_outputs=decoder_outputs,
            zero_output=start.components is not None,
            **({"with_flags": True} if takes_flags else {}),
            **({} if generator is None else {"generator": generator}),
        )
        parts = {"encoder": encoder, "decoder": decoder, "takes_flags": takes_flags}
        if self.corruption is not None:
            parts["corruption"] = self._corruption(start)
        if self.penalty is not None:
            parts["penalty"] = build_penalty(
                self.penalty, code_scale=frame.code_scale, natural_scale=natural_scale
            )
        return parts


def build_autoencoder(start, parts, loss, link, is_ordered=False, *, seed, device):
    """Return the module of an `AutoencoderTransformer`.

    Parameters
    ----------
    start : Start
    parts : Parts
    loss : loss instance
    link : ClippedLink or None
        What clips reconstructions.
    is_ordered : bool, default=False
        Whether each prefix of a code is a code.
    seed, device
        As for `Parts.drawing`.
    """
    n_components, n_features = len(start.variances), len(start.mean)
    with parts.drawing(seed, device, loss) as generator:
        cost = loss.build(center=start.mean, unit=start.residual_rms, link=link)
        options = parts.frame_options(start)
        takes_prefix = is_ordered and getattr(parts.network, "takes_prefix", False)
        kind, frame = Autoencoder, pca_frame(start, **options)
        if is_ordered:
            frame = ordered_frame(start, **options)
            kind = partial(
                OrderedAutoencoder,
                residual_scales=prefix_scales(start, options["corrupted"]),
                takes_prefix=takes_prefix,
            )
        built = parts.build(
            start,
            frame,
            encoder_outputs=n_components,
            decoder_outputs=n_features,
            decoder_inputs=(1 + takes_prefix) * n_components,
            natural_scale=cost.natural_scale,
            generator=generator,
        )
        return kind(frame=frame, cost=cost, **built)


def build_variational(start, rows, parts, likelihood, prior, bound, *, seed, device):
    """Return the module of a `VAETransformer`.

    Parameters
    ----------
    start : Start
    rows : ndarray of shape (n_rows, n_features)
        Centred rows for the prior's pseudo rows; there may be none.
    parts : Parts
    likelihood : Likelihood
    prior : prior instance
    bound : dict
        The module's parameters `beta`, `free_bits`, `n_draws` and `pca_weight`.
    seed, device
        As for `Parts.drawing`.
    """
    n_components, n_features = len(start.variances), len(start.mean)
    if start.is_exact and not likelihood.is_noise:
        # Bits and counts vary around their means though PCA reproduces them.
        start = replace(start, noise_variance=(UNKNOWN_SHARE * start.scale) ** 2)
    with parts.drawing(seed, device, likelihood, prior) as generator:
        cost = likelihood.build(
            center=start.mean,
            noise_scale=float(np.sqrt(start.noise_variance)),
            noise_floor=NOISE_FLOOR * start.scale,
        )
        if cost.noise_variance is not None:
            start = replace(start, noise_variance=cost.noise_variance)
        frame = ppca_frame(start, **parts.frame_options(start))
        built = parts.build(
            start,
            frame,
            encoder_outputs=2 * n_components,
            decoder_outputs=n_features,
            natural_scale=1.0,
            generator=generator,
        )
        return VariationalAutoencoder(
            frame=frame,
            cost=cost,
            prior=prior.build(n_components, rows, start.feature_scale),
            **bound,
            **built,
        )


def _is_bounded(X):
    """Whether the data evidently have bounds: values pile up at both of their ends."""
    enough = max(10, X.size // 1000)
    ends = data_range(X)
    return ends[0] < ends[1] and all(n_equal(X, end) >= enough for end in ends)


def data_range(X):
    """Return the lowest and the highest value of rows; NaN does not count."""
    return np.nanmin(lowest(X)), np.nanmax(highest(X))


def clipping_link(estimator, loss, mean, X):
    """Return the link that clips to an estimator's `output_range`, or None.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        Whose `output_range` to use.
    loss : loss instance
        What its `loss` means.
    mean : ndarray of shape (n_features,)
        What is subtracted from X.
    X : ndarray or SparseRows of shape (n_samples, n_features)
        Training rows.

    Raises
    ------
    ValueError
        If the range is not one, or the loss has bounds of its own.
    """
    if estimator.output_range is None:
        return None
    if estimator.output_range == "auto":
        if not (loss.clippable and _is_bounded(X)):
            return None
        return ClippedLink(lowest(X), highest(X), mean)
    low, high = _checked_range(estimator, loss)
    return ClippedLink(low, high, mean)


def _checked_range(estimator, loss):
    given = estimator.output_range
    if not loss.clippable:
        raise ValueError(
            f"output_range={given!r} cannot be used with loss={estimator.loss!r}, "
            "whose reconstructions have bounds of their own; set output_range to "
            "'auto' or None."
        )
    numbers = len(given) == 2 and all(isinstance(end, Real) for end in given)
    if not (numbers and given[0] < given[1]):
        raise ValueError(
            "The 'output_range' parameter of AutoencoderTransformer must be "
            "'auto', None or a tuple (low, high) with low < high. "
            f"Got {given!r} instead."
        )
    return given
