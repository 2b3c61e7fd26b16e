"""The linear path of a module, and the scales of the networks beside it."""

from dataclasses import dataclass, replace

import numpy as np

# The smallest noise that a likelihood may learn, as a share of the data's scale: about
# ten times the rounding of float32.
NOISE_FLOOR = 1e-6
# How much of each column's spread a decoder network may add at least where PCA's
# residual says nothing of what is to be learned.
UNKNOWN_SHARE = 0.5


@dataclass
class Frame:
    """The linear path of a module and the scales of its networks.

    Attributes
    ----------
    encode_weight : ndarray of shape (n_features, n_components) or None
        Maps a centred row to the linear part of its (whitened) code; None where there
        is no linear path.
    decode_weight : ndarray of shape (n_components, n_features) or None
        Maps a code to the linear part of the centred reconstruction.
    input_scale : ndarray of shape (n_features,)
        What a centred row is multiplied by before the encoder network sees it.
    code_branch_scale : ndarray of shape (n_components,)
        What the encoder network's output is multiplied by.
    output_branch_scale : ndarray of shape (n_features,)
        What the decoder network's output is multiplied by.
    code_scale : ndarray of shape (n_components,)
        From codes to the units in which they are handed out, PCA's.
    log_variance : ndarray of shape (n_components,)
        Logarithm of the variance of whitened codes given a row, by probabilistic PCA:
        of the share that noise has in an axis.
    """

    encode_weight: np.ndarray | None
    decode_weight: np.ndarray | None
    input_scale: np.ndarray
    code_branch_scale: np.ndarray
    output_branch_scale: np.ndarray
    code_scale: np.ndarray
    log_variance: np.ndarray


def _input_scale(start, pooled, seen_scale=None):
    """One over the standard deviation of each column, or of all of them pooled."""
    if pooled:
        return np.full_like(start.feature_scale, 1 / start.scale)
    floor = 1e-3 * start.scale
    spread = start.feature_scale if seen_scale is None else seen_scale
    scale = 1 / np.maximum(spread, floor)
    # A column that was constant tells the network nothing, whatever it holds later.
    scale[start.feature_scale <= NOISE_FLOOR * start.scale] = 0.0
    return scale


def _random_frame(start, pooled_input, seen_scale):
    n_components = len(start.variances)
    return Frame(
        encode_weight=None,
        decode_weight=None,
        input_scale=_input_scale(start, pooled_input, seen_scale),
        code_branch_scale=np.ones(n_components),
        output_branch_scale=start.feature_scale,
        code_scale=np.full(n_components, start.scale),
        log_variance=np.zeros(n_components),
    )


def prefix_scales(start, corrupted):
    """Return what a decoder network may add to each column, by number of components.

    Parameters
    ----------
    start : Start
    corrupted : bool
        As for `pca_frame`.

    Returns
    -------
    scales : ndarray of shape (n_components, n_features)
    """
    scales = start.residual_scales()
    if corrupted:
        return np.maximum(scales, UNKNOWN_SHARE * start.feature_scale)
    return scales


def ordered_frame(start, **options):
    """Return the frame of an autoencoder whose code's prefixes are codes.

    Parameters
    ----------
    start : Start
    **options
        As for `pca_frame`.
    """
    frame = pca_frame(start, **options)
    if start.components is None:
        return frame
    # Each component may move as far as what is left with it and those before it.
    rms = np.sqrt(np.mean(np.square(start.residual_scales()), axis=1))
    return replace(frame, code_branch_scale=np.minimum(1.0, rms / frame.code_scale))


def _output_branch_scale(start, corrupted):
    # Neither the residual of clean rows says what a corruption leaves, nor that of rows
    # which are reproduced what other rows, or another loss, leave.
    if not (corrupted or start.is_exact):
        return start.residual_scale
    return np.maximum(start.residual_scale, UNKNOWN_SHARE * start.feature_scale)


def _log_noise_share(start, variances):
    """Return the logarithm of the share of noise in each axis's variance."""
    return np.log(start.noise_variance / np.maximum(variances, start.noise_variance))


def pca_frame(start, *, pooled_input, corrupted, seen_scale=None):
    """Return the frame of an autoencoder: PCA on whitened codes.

    Parameters
    ----------
    start : Start
    pooled_input : bool
        Whether the encoder network sees all columns on one scale, as images want it,
        instead of each standardised.
    corrupted : bool
        Whether training corrupts the rows.
    seen_scale : ndarray of shape (n_features,) or None
        Standard deviation of each column as the encoder network sees it in training,
        where that is not `feature_scale`: a column that hardly varies is nothing but
        noise then, and must not be scaled up.
    """
    if start.components is None:
        return _random_frame(start, pooled_input, seen_scale)
    live = start.variances > 0
    spread = np.sqrt(start.variances)
    code_scale = np.where(live, spread, start.residual_rms)
    # How far a network may move a code, in standard deviations: where PCA leaves
    # little, little is left to learn.
    reach = np.minimum(1.0, start.residual_rms / code_scale)
    return Frame(
        encode_weight=(start.components / code_scale[:, np.newaxis]).T,
        decode_weight=start.components * code_scale[:, np.newaxis],
        input_scale=_input_scale(start, pooled_input, seen_scale),
        code_branch_scale=reach,
        output_branch_scale=_output_branch_scale(start, corrupted),
        code_scale=code_scale,
        log_variance=_log_noise_share(start, start.variances),
    )


def ppca_frame(start, *, pooled_input, corrupted, seen_scale=None):
    """Return the frame of a variational autoencoder: probabilistic PCA.

    In PCA's basis the maximum likelihood solution and its posterior are diagonal: with
    eigenvalues l and noise variance s, loadings sqrt(l - s), posterior mean sqrt(l - s)
    / l times the PCA score, posterior variance s / l. Eigenvalues are over one row less
    than there are, as scikit-learn's, but in wide tables, where they are the likeliest.

    Parameters
    ----------
    start : Start
    pooled_input, corrupted, seen_scale
        As for `pca_frame`.

    References
    ----------
    .. [1] Tipping, M. E. & Bishop, C. M. (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622.
    """
    if start.components is None:
        return _random_frame(start, pooled_input, seen_scale)
    eigenvalues = start.variances
    if start.n_rows <= len(start.mean):
        eigenvalues = eigenvalues * (start.n_rows - 1) / start.n_rows
    live = eigenvalues > start.noise_variance
    variances = np.where(live, eigenvalues, 1.0)
    signal = np.where(live, variances - start.noise_variance, 0.0)
    # An axis hardly above the noise has a loading of almost nothing; the bound keeps
    # its code finite in PCA's units.
    signal = np.where(live, np.maximum(signal, 1e-6 * variances), 0.0)
    loading = np.sqrt(signal)
    code_scale = np.full(len(live), start.residual_rms)
    code_scale[live] = variances[live] / loading[live]
    return Frame(
        encode_weight=start.components.T * (loading / variances),
        decode_weight=start.components * loading[:, np.newaxis],
        input_scale=_input_scale(start, pooled_input, seen_scale),
        code_branch_scale=np.minimum(1.0, start.residual_rms / code_scale),
        output_branch_scale=_output_branch_scale(start, corrupted),
        code_scale=code_scale,
        log_variance=_log_noise_share(start, eigenvalues),
    )
