"""AutoencoderTransformer: parameters, docs and parts."""

from functools import partial
from numbers import Integral
from os import PathLike
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from sklearn_ae._components.axes import (
    kept_axes,
    own_deviations,
    principal_axes,
    triangular_axes,
)
from sklearn_ae._estimators.components import ComponentwiseAutoencoder
from sklearn_ae._estimators.imputation import ReconstructionImputer
from sklearn_ae._fitting.build import (
    PART_CONSTRAINTS,
    Parts,
    build_autoencoder,
    clipping_link,
    data_range,
)
from sklearn_ae._inference import chunk_rows, thinned
from sklearn_ae._utils import (
    HasMethods,
    Interval,
    RandomStateLike,
    RealNotInt,
    StrOptions,
    component,
    resolve,
)
from sklearn_ae.losses import LOSSES, SquaredError
from sklearn_ae.penalties._build import leave_axes_free
from sklearn_ae.priors import CODE_DENSITIES

# Training rows whose codes are kept for the density that `sample` draws from.
MOST_SAMPLED_CODES = 20_000


class AutoencoderTransformer(ReconstructionImputer, ComponentwiseAutoencoder):
    """Autoencoder that starts as PCA and learns what PCA misses.

    An encoder network gives each row a code of `n_components` numbers, and a decoder
    network gives the row back. Beside each network runs a linear path, PCA's
    projection; the networks start at nothing, so training starts at PCA. The best
    weights on held-out rows are kept, and PCA itself unless they are significantly
    better.

    Over the training rows the columns of the code have zero mean, no correlation,
    descending variances and the signs that PCA gives. ``partial_fit`` chooses these
    axes as training begins, and else keeps those of the last ``fit``.

    Beyond the range of the rows of the fit networks fade, and PCA is what is left.

    Parameters
    ----------
    n_components : int, float in (0, 1) or "auto", default=2
        Number of columns of the code. Where PCA is kept, those above the rank of X are
        zero, which a warning tells unless there is a `corruption` or a `penalty`. A
        float is a share of the variance: the fewest columns that explain as much of
        held-out rows are taken. "auto" takes those after which what is left falls
        least, by the growth ratio [3]_, 32 at most. Both make codes ordered.
    ordered : bool or int, default=False
        Whether each prefix of a code is a code: the first j columns are decoded on
        their own by `inverse_transform`, and at no j is the error on held-out rows
        significantly above PCA's with j components. They are trained together by
        nested dropout [4]_. An int is how many columns are trained, at least
        `n_components`, of which that many are handed out; fewer where X has fewer.
    network : {"mlp", "conv"} or network instance, default="mlp"
        The encoder and the decoder: `networks.MLP`, `networks.Conv` for images or
        `networks.Custom` for modules of your own.
    init : {"pca", "random"}, default="pca"
        "pca" starts training at PCA; "random" has no linear path: the plain network.
    whiten : bool, default=False
        Whether to divide each column of the code by its standard deviation over the
        training rows, as PCA does; `inverse_transform` undoes it. Constant columns stay
        as they are.
    guard : bool or float, default=True
        Whether to keep PCA unless the trained network is significantly better on the
        held-out rows. A float in (0, 0.5] is the level of the one-sided test; True is
        0.01, 2.3 standard errors, or 0.05 where `verdict_` speaks for a gain. Has no
        effect with ``init="random"``.
    loss : {"squared_error", "absolute_error", "huber", "log_loss", "poisson"} or \
            loss instance, default="squared_error"
        Reconstruction loss of a row, summed over features, in X's own units. "log_loss"
        needs values in [0, 1] and "poisson" values of at least 0, in ``fit`` and after.
    output_range : "auto", tuple of (float, float) or None, default="auto"
        Range to which reconstructions are clipped in training and after, for the first
        three losses. "auto" takes each feature's training range where the data are
        evidently bounded: both the smallest and the largest value of X make up at least
        a thousandth of its entries, as in pixels. None never clips.
    corruption : {"gaussian", "masking", "salt_and_pepper", "swap", "patches"}, \
            corruption instance, callable, list of these or None, default=None
        Noise put on the network's input in training, for denoising; the loss is taken
        against the clean rows.
    penalty : {"l1", "kl_sparsity", "contractive", "decorrelation", "neighbours"}, \
            penalty instance, list of these or None, default=None
        What is added to the loss for each code. One that is about single columns
        ("l1", "kl_sparsity", your own unless it has ``rotatable = True``) keeps the
        columns as they were trained; `whiten` then only scales them. The guard counts
        it; where ordered codes are left at PCA's scores it changes nothing.
    latent_density : {"gaussian_mixture"} or density, default="gaussian_mixture"
        The density that `sample` draws codes from, fitted to the training codes when
        `sample` is first called. An instance needs ``fit(codes)`` and
        ``sample(n_samples, random_state=)``, as `sklearn.neighbors.KernelDensity` has.
    optimizer : "adamw" or class, default="adamw"
        A `torch.optim.Optimizer` class, or a callable that makes one.
    learning_rate : "auto" or float, default="auto"
        Peak of the schedule. "auto" is 0.003; 0.004 where `max_epochs` lasts as long as
        it pays, 0.007 with `penalties.Neighbours`.
    weight_decay : float, default=0.01
        Decoupled weight decay of the networks' weight matrices.
    batch_size : "auto" or int, default="auto"
        Rows of a step. "auto" is a 32nd of the rows, within [16, 256]; at most 64 for
        `networks.Conv`.
    max_epochs : "auto" or int, default="auto"
        Most passes over the rows; a number's learning rate rises over 15 % of the steps
        and falls to zero along a cosine. "auto" trains for as long as the loss on
        held-out rows falls at a rate worth the time, at a constant learning rate, then
        cools down; not at all where closed-form tests say that PCA leaves nothing to
        learn, see `verdict_`. It needs ``early_stopping=True``,
        ``n_iter_no_change="auto"`` and no scheduler among `callbacks`; else it is as
        many epochs as make 2000 steps, within [20, 300]; beyond 100 000 rows fewer than
        20: 4 for a million.
    early_stopping : bool, default=True
        Whether to stop when the loss on held-out rows no longer falls.
    validation_fraction : "auto", float or None, default="auto"
        Share of the rows to hold out. "auto" is a tenth, or a quarter of them up to 50
        rows where that is more, and at most 4000 rows. Exact copies of a row are never
        on both sides where single rows are drawn, and count as one. None holds out
        none, which needs ``early_stopping=False, guard=False``.
    validation_split : {"random", "last"} or splitter, default="random"
        Which rows are held out. "random" draws them; "last" takes the last ones, for
        rows in the order of time, `model_selection.LastRows` with a gap as well; of a
        splitter of `sklearn.model_selection` the first split is taken, which gets the y
        and the `groups` of ``fit``. A warm start told the same holds out the same.
    n_iter_no_change : "auto" or int, default="auto"
        Epochs without improvement before training stops. "auto" is two thirds of the
        epochs, and leaves that to ``max_epochs="auto"``.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training. Each fit makes new ones of the same arguments, which
        are shared and not copied.
    net_params : dict or None, default=None
        More parameters of `skorch.NeuralNet`: ``{"optimizer__betas": (0.9, 0.95)}``;
        ``{"precision": "bfloat16"}`` trains less precisely, ``{"steps": "recorded"}``
        on a GPU by graphs, ``{"distributed": True}`` with all ranks of a process group.
    device : str or torch.device, default="auto"
        Where to train. "auto" takes CUDA, then Apple's MPS, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last one, for up to `max_epochs` epochs more.
    memory : str, path-like, joblib.Memory or None, default=None
        A folder, or `joblib.Memory`, that keeps what ``fit`` trained, for fits of the
        same rows and parameters. Where `ordered` is an int those may differ in
        `n_components`: a search over it trains once for each fold, in one process or
        several, and gives to the bit what it gives without. Else, and for an
        `n_components` beyond the columns that have something to explain, trainings are
        kept for each `n_components`. As in `sklearn.pipeline.Pipeline`, a training that
        is there is not repeated: callbacks are not called, nothing is printed, and fits
        with ``random_state=None`` become alike. Fits that ``warm_start=True`` continues
        are not kept. Those of other versions of the package, or of NumPy, scikit-learn,
        skorch or torch, are not taken; to make room, empty the folder.
    random_state : int, RandomState or None, default=None
        Seeds the split, the weights, the batches and all noise. None takes a seed from
        NumPy's global generator, which an int leaves alone; torch's is never used, but
        for modules and functions of your own that draw from it.
    verbose : int, default=0
        1 prints PCA's loss on the held-out rows, a line for each epoch with a mark
        where it is the best so far, and which of the two was kept.

    Attributes
    ----------
    n_components_ : int
        Number of columns of the code.
    gain_over_pca_ : float
        Share of PCA's loss on the held-out rows that was removed; 0.0 where PCA was
        kept, NaN where nothing was compared.
    pca_loss_ : float
        PCA's loss per held-out row, comparable with `valid_loss` in `history_`; NaN
        where nothing was compared.
    guard_ : object or None
        How the guard compared: `statistic` and `p_value` of the test, the `level` that
        it has to be below (None with ``guard=False``), `n_rows` held out, mean losses
        of a row `network_loss` and `pca_loss`, the `gain` that the network has or would
        have had, and `pca_kept`; prints as a sentence. None where nothing was compared.
    explained_variance_ratio_ : ndarray of shape (`n_components_`,)
        Of ordered codes: share of the variance that each column adds on held-out rows,
        never negative. The sum is what all of them explain.
    explained_variance_ : ndarray of shape (`n_components_`,)
        The same in X's squared units.
    explained_variance_curve_ : object or None
        Of ordered codes, for each number of trained columns: `n_components`, the share
        of variance `explained` on `n_rows` rows with its `standard_error`, and PCA's,
        `pca_explained`. The rows are held-out ones where `held_out` is True, else those
        trained on. None where codes are not ordered.
    verdict_ : object or None
        What tests before training found: `finding` is "clear", "hidden", "crowded",
        "doubtful" or "pca", `decoder_t` and `encoder_t` are the tests' t values; prints
        as a sentence. With "pca" no epoch is run. None where the tests were not made:
        they need ``max_epochs="auto"``, the guard, the squared error, `networks.MLP`
        and complete rows, without `corruption` and `penalty`.
    mean_ : ndarray of shape (n_features,)
        Column means of the training rows.
    n_iter_ : int
        Number of epochs run; 0 where nothing was trained.
    history_ : list of dict
        One row for each epoch: `epoch`, `train_loss`, `valid_loss`, each term of the
        loss such as `train_reconstruction`, and `dur` in seconds. Losses are per row,
        in the loss's own units. `average_valid_loss`, in some epochs, is that of the
        latest weights' average, which is kept where it is the lowest.
    net_ : skorch.NeuralNet
        The trained net; its `module_` takes centred rows.
    device_ : str
        Device that the network is on.
    n_features_in_ : int
        Number of features seen in ``fit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during ``fit``. Defined only when X has feature names
        that are all strings.

    See Also
    --------
    VAETransformer : A probabilistic model: likelihoods, scores in nats, a prior.
    sklearn.decomposition.PCA : The linear start alone.

    References
    ----------
    .. [1] Hinton, G. E. & Salakhutdinov, R. R. (2006). Reducing the dimensionality of
       data with neural networks. Science 313, 504-507.
    .. [2] Vincent, P. et al. (2010). Stacked denoising autoencoders. Journal of Machine
       Learning Research 11, 3371-3408.
    .. [3] Ahn, S. C. & Horenstein, A. R. (2013). Eigenvalue ratio test for the number
       of factors. Econometrica 81(3), 1203-1227.
    .. [4] Rippel, O., Gelbart, M. & Adams, R. (2014). Learning ordered representations
       with nested dropout. International Conference on Machine Learning, 1746-1754.

    Examples
    --------
    >>> from sklearn.datasets import make_swiss_roll
    >>> from sklearn_ae import AutoencoderTransformer
    >>> X, _ = make_swiss_roll(400, random_state=0)
    >>> ae = AutoencoderTransformer(n_components=2, max_epochs=20, random_state=0)
    >>> codes = ae.fit_transform(X)
    >>> codes.shape
    (400, 2)
    >>> ae.inverse_transform(codes).shape
    (400, 3)
    >>> bool(ae.gain_over_pca_ > 0.2)
    True
    """

    _parameter_constraints: dict = {
        **ComponentwiseAutoencoder._parameter_constraints,
        **PART_CONSTRAINTS,
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "ordered": ["boolean", Interval(Integral, 1, None, closed="left")],
        "whiten": ["boolean"],
        "memory": [str, PathLike, HasMethods(["cache"]), None],
        "loss": [
            StrOptions(set(LOSSES)),
            component("an instance from sklearn_ae.losses"),
        ],
        "output_range": [StrOptions({"auto"}), tuple, None],
        "latent_density": [
            StrOptions(set(CODE_DENSITIES)),
            component("an instance with 'fit' and 'sample'", "fit", "sample"),
        ],
    }

    def __init__(
        self,
        n_components: int | float | Literal["auto"] = 2,
        *,
        ordered: bool | int = False,
        network: str | BaseEstimator = "mlp",
        init: Literal["pca", "random"] = "pca",
        whiten: bool = False,
        guard: bool | float = True,
        loss: str | BaseEstimator = "squared_error",
        output_range: Literal["auto"] | tuple[float, float] | None = "auto",
        corruption: Any = None,
        penalty: Any = None,
        latent_density: str | BaseEstimator = "gaussian_mixture",
        optimizer: Any = "adamw",
        learning_rate: Literal["auto"] | float = "auto",
        weight_decay: float = 0.01,
        batch_size: Literal["auto"] | int = "auto",
        max_epochs: Literal["auto"] | int = "auto",
        early_stopping: bool = True,
        validation_fraction: Literal["auto"] | float | None = "auto",
        validation_split: Any = "random",
        n_iter_no_change: Literal["auto"] | int = "auto",
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        device: str | torch.device = "auto",
        warm_start: bool = False,
        memory: Any = None,
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.ordered = ordered
        self.network = network
        self.init = init
        self.whiten = whiten
        self.guard = guard
        self.loss = loss
        self.output_range = output_range
        self.corruption = corruption
        self.penalty = penalty
        self.latent_density = latent_density
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.warm_start = warm_start
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    def _loss_or_likelihood(self):
        return resolve(self.loss, LOSSES)

    def _module_factory(self, start, X):
        loss = self._loss_or_likelihood()
        return partial(
            build_autoencoder,
            start,
            Parts(self, data_range(X)),
            loss,
            clipping_link(self, loss, start.mean, X),
            self._is_ordered(),
        )

    def _is_basis_free(self):
        return type(resolve(self.loss, LOSSES)) is SquaredError

    def _gain(self, baseline, losses):
        before = baseline.mean()
        return float(1 - losses.mean() / before) if before > 0 else 0.0

    def _choose_axes(self, X, continued, weights):
        """Turn the codes to PCA's convention, unless a penalty is about columns."""
        scale = self._code_scale()
        if self._has_pca_s_codes(X, continued):
            # On the inner scale they are white, but for columns of zeros.
            axes = kept_axes(scale, np.ones_like(scale) if self.whiten else None)
        elif leave_axes_free(self.penalty):
            # Of ordered codes the first columns stay a code on their own.
            turned = triangular_axes if self._is_ordered() else principal_axes
            axes = turned(self._code_moments(X, weights), scale, self.whiten)
        elif self.whiten:
            axes = kept_axes(scale, own_deviations(self._code_moments(X, weights)))
        else:
            axes = kept_axes(scale)
        self.net_.module_.axes.take(*axes)

    def _after_training(self, X, rows):
        if self._is_ordered() and self.explained_variance_curve_ is None:
            self._describe_without_comparison(X, rows)
        rows = thinned(X, MOST_SAMPLED_CODES)
        module = self.net_.module_
        width = len(module.axes.scale)
        codes = np.empty((len(rows), width), dtype=np.float32)
        n_rows = chunk_rows(max(self.n_features_in_, width))
        # All columns, of which others may be in use later.
        codes = self._apply(module.all_codes, rows, codes, self._centred, n_rows)
        self._density = None
        self._density_from = codes, self._stream.randint(2**31)

    def _draw_codes(self, n_samples, rng):
        if self._density is None:
            codes, seed = self._density_from
            density = clone(resolve(self.latent_density, CODE_DENSITIES), safe=False)
            if getattr(density, "random_state", 0) is None:
                density.set_params(random_state=seed)
            self._density = density.fit(codes[:, : self.n_components_])
        return self._density.sample(n_samples, random_state=rng)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.input_tags.positive_only = getattr(loss, "positive_only", False)
        return tags
