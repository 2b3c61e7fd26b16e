"""VAETransformer: parameters, docs and parts."""

from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator

from sklearn_ae._estimators.generative import GenerativeAutoencoder
from sklearn_ae._estimators.imputation import PosteriorImputer
from sklearn_ae._fitting.build import (
    PART_CONSTRAINTS,
    Parts,
    build_variational,
    data_range,
)
from sklearn_ae._pca.start import centred_float32
from sklearn_ae._utils import (
    Described,
    Interval,
    RandomStateLike,
    StrOptions,
    check_parameters,
    component,
    resolve,
)
from sklearn_ae.likelihoods._by_name import LIKELIHOODS
from sklearn_ae.priors import PRIORS


class VAETransformer(PosteriorImputer, GenerativeAutoencoder):
    """Variational autoencoder that starts as probabilistic PCA.

    Each row is encoded to a normal distribution over codes of `n_components` numbers; a
    decoder turns a code into a distribution over rows. Training draws codes by the
    reparameterisation trick and maximises the evidence lower bound: expected
    log-likelihood minus the Kullback-Leibler divergence to the prior. Both networks
    stand beside the linear paths of probabilistic PCA's maximum likelihood solution and
    start at nothing; the best weights on held-out rows are kept, and probabilistic PCA
    itself unless they are significantly better.

    `inverse_transform` gets posterior means, which vary less than the draws that the
    decoder was trained on; it undoes that, column by column, so that probabilistic
    PCA's reconstructions are PCA's. Beyond the range of the rows of the fit networks
    fade, and probabilistic PCA is what is left.

    Columns of the code are in descending order of their variance over the training
    rows, with the signs that PCA gives, unless a penalty is about single columns. They
    are not turned as those of `AutoencoderTransformer` are, since a posterior's columns
    would then depend on each other. ``partial_fit`` orders them as training begins.

    Parameters
    ----------
    n_components : int, default=2
        Number of columns of the code. Where PCA is kept, those above the rank of X are
        zero, which a warning tells unless there is a `corruption` or a `penalty`.
    network : {"mlp", "conv"} or network instance, default="mlp"
        The encoder and the decoder: `networks.MLP`, `networks.Conv` for images or
        `networks.Custom` for modules of your own, whose encoder gives
        ``2 * n_components`` columns: means, then logarithms of variances.
    init : {"pca", "random"}, default="pca"
        "pca" starts training at probabilistic PCA; "random" has no linear path: the
        plain network.
    guard : bool or float, default=True
        Whether to keep probabilistic PCA unless held-out rows are significantly more
        likely under the trained network, and reconstructed with no more than 1.05
        times PCA's squared error. A float in (0, 0.5] is the level of the
        one-sided test; True is 0.01, 2.3 standard errors. Has no effect with
        ``init="random"``.
    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "laplace", \
            "student_t", "categorical"} or likelihood instance, default="gaussian"
        Distribution of a row around its reconstruction. "bernoulli" needs values in
        [0, 1], the two of counts whole numbers of at least 0, "categorical" one-hot
        columns, in ``fit`` and after. `likelihoods.Mixed` gives different columns
        different ones.
    prior : {"gaussian_mixture", "normal", "vamp", "aggregate"} or prior instance, \
            default="gaussian_mixture"
        Distribution of the codes. "gaussian_mixture" trains with a standard normal one
        and afterwards fits a mixture to the codes, which is kept if it makes the
        held-out rows significantly more likely; "aggregate" does so with the mean of
        the training rows' posteriors; "vamp" is trained with the networks.
    beta : float, default=1.0
        Weight of the Kullback-Leibler divergence; 1.0 gives the evidence lower bound.
    kl_warmup : "auto" or float, default="auto"
        Share of the epochs over which the divergence's weight rises linearly from 0 to
        `beta`, in [0, 1]. Validation always has the full weight. "auto" trains without;
        where that leaves columns saying little for which the data have more than noise,
        it trains once more from the start with 0.5, or until the held-out rows are
        first looked at where `max_epochs` follows them, and the better by the held-out
        rows stays.
    free_bits : float, default=0.0
        Nats per code column below which training does not count the divergence, on the
        mean over a batch; keeps columns in use. Needs ``n_importance_samples=1``.
    n_importance_samples : int, default=1
        Draws of each row's code in training. With more than one the importance
        weighted bound is maximised, which is tighter; a step costs as many times more
        in the decoder.
    corruption : {"gaussian", "masking", "salt_and_pepper", "swap", "patches"}, \
            corruption instance, callable, list of these or None, default=None
        Noise put on the network's input in training, for denoising; the likelihood is
        that of the clean rows.
    penalty : {"l1", "kl_sparsity", "contractive", "decorrelation", "neighbours"}, \
            penalty instance, list of these or None, default=None
        What is added to the loss for each row's posterior mean.
    optimizer : "adamw" or class, default="adamw"
        A `torch.optim.Optimizer` class, or a callable that makes one.
    learning_rate : "auto" or float, default="auto"
        Peak of the schedule: a linear warm-up over 15 % of the steps, then a cosine to
        zero; where held-out rows end training, a constant rate between a warm-up and a
        linear fall. "auto" is 0.003, 0.007 with `penalties.Neighbours`.
    weight_decay : float, default=0.01
        Decoupled weight decay of the networks' weight matrices.
    batch_size : "auto" or int, default="auto"
        Rows of a step. "auto" is a 32nd of the rows, within [16, 256]; at most 64 for
        `networks.Conv`.
    max_epochs : "auto" or int, default="auto"
        Most passes over the rows. With "auto" a normal likelihood with learned noise is
        trained for as long as held-out rows gain on probabilistic PCA, at most 3000
        steps or 250 epochs; not at all where closed-form tests say that nothing can be
        gained, see `verdict_`. Other likelihoods, ``init="random"``, a `kl_warmup`
        above 0, an `n_iter_no_change` of one's own and ``early_stopping=False`` have as
        many as make 2000 steps, within [20, 300]; beyond 100 000 rows, fewer than 20: 4
        for a million.
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
        epochs.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training. Each fit makes new ones of the same arguments, which
        are shared and not copied.
    net_params : dict or None, default=None
        More parameters of `skorch.NeuralNet`: ``{"optimizer__betas": (0.9, 0.95)}``;
        ``{"precision": "bfloat16"}`` trains less precisely, ``{"steps": "recorded"}``
        on a GPU by graphs, ``{"distributed": True}`` with all ranks of a process group.
    device : str or torch.device, default="auto"
        Where to train, a device that this machine has. "auto" takes CUDA, then Apple's
        MPS, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the last one, for up to `max_epochs` epochs more.
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
        Nats by which the log-likelihood of a held-out row is above probabilistic PCA's
        on average; 0.0 where that was kept, NaN where nothing was compared.
    pca_loss_ : float
        Minus probabilistic PCA's bound per held-out row, comparable with `valid_loss`
        in `history_`, not with ``guard_.pca_loss``; NaN where nothing was compared.
    guard_ : object or None
        How the guard compared: `statistic` and `p_value` of the test, the `level` that
        it has to be below (None with ``guard=False``), `n_rows` held out, minus the
        mean log-likelihoods `network_loss` and `pca_loss` in nats, by importance
        sampling and so tighter than the bounds in `history_`, the `gain` that the
        network has or would have had, and `pca_kept`; prints as a sentence. None where
        nothing was compared.
    verdict_ : object or None
        What tests before training found: `finding` is "clear", "hidden", "crowded",
        "doubtful" or "pca"; `decoder_t` and `encoder_t` are the t values of what
        networks may add to PCA, `shape_z` tells how far from normal PCA's codes are;
        prints as a sentence. With "pca" no epoch is run, unless each feature has noise
        of its own. None where the tests were not made: they need ``max_epochs="auto"``
        that follows held-out rows, the guard, `networks.MLP` and complete rows, without
        `corruption` and `penalty`.
    active_units_ : ndarray of shape (n_components,), bool
        Which columns of the code are in use: their posterior mean, on the scale of the
        standard normal prior, has a variance above 0.01 over the training rows [3]_.
    kl_per_component_ : ndarray of shape (n_components,)
        Mean divergence of each column's posterior from a standard normal distribution
        over the training rows, in nats.
    prior_ : prior instance
        The prior in use; where a mixture was kept, it has `mixture_`.
    mean_ : ndarray of shape (n_features,)
        Column means of the training rows.
    n_iter_ : int
        Number of epochs run; 0 where nothing was trained.
    history_ : list of dict
        One row for each epoch: `epoch`, `train_loss`, `valid_loss`, each term of the
        loss such as `train_reconstruction`, and `dur` in seconds. Losses are minus the
        bound per row, in nats.
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
    AutoencoderTransformer : Deterministic codes and a choice of losses.
    sklearn.decomposition.PCA : Probabilistic PCA, by its ``score`` and
        ``score_samples``.

    References
    ----------
    .. [1] Kingma, D. P. & Welling, M. (2014). Auto-encoding variational Bayes.
       International Conference on Learning Representations.
    .. [2] Tipping, M. E. & Bishop, C. M. (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622.
    .. [3] Burda, Y., Grosse, R. & Salakhutdinov, R. (2016). Importance weighted
       autoencoders. International Conference on Learning Representations.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import VAETransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> vae = VAETransformer(n_components=2, max_epochs=20, random_state=0).fit(X)
    >>> vae.transform(X).shape
    (150, 2)
    >>> vae.sample(5, random_state=0).shape
    (5, 4)
    """

    _parameter_constraints: dict = {
        **GenerativeAutoencoder._parameter_constraints,
        **PART_CONSTRAINTS,
        "n_components": [
            Described(
                Interval(Integral, 1, None, closed="left").is_satisfied_by,
                "an int in the range [1, inf); a share of the variance, or 'auto', is "
                "for AutoencoderTransformer",
            )
        ],
        "likelihood": [
            StrOptions(set(LIKELIHOODS)),
            component("an instance from sklearn_ae.likelihoods"),
        ],
        "prior": [
            StrOptions(set(PRIORS)),
            component("an instance from sklearn_ae.priors"),
        ],
        "beta": [Interval(Real, 0, None, closed="left")],
        "kl_warmup": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        network: str | BaseEstimator = "mlp",
        init: Literal["pca", "random"] = "pca",
        guard: bool | float = True,
        likelihood: str | BaseEstimator = "gaussian",
        prior: str | BaseEstimator = "gaussian_mixture",
        beta: float = 1.0,
        kl_warmup: Literal["auto"] | float = "auto",
        free_bits: float = 0.0,
        n_importance_samples: int = 1,
        corruption: Any = None,
        penalty: Any = None,
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
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.network = network
        self.init = init
        self.guard = guard
        self.likelihood = likelihood
        self.prior = prior
        self.beta = beta
        self.kl_warmup = kl_warmup
        self.free_bits = free_bits
        self.n_importance_samples = n_importance_samples
        self.corruption = corruption
        self.penalty = penalty
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
        self.random_state = random_state
        self.verbose = verbose

    def _loss_or_likelihood(self):
        likelihood = resolve(self.likelihood, LIKELIHOODS)
        names = getattr(self, "feature_names_in_", None)
        return likelihood.on_features(self.n_features_in_, names)

    def _module_factory(self, start, X):
        if self.free_bits and self.n_importance_samples > 1:
            raise ValueError(
                f"free_bits={self.free_bits} needs n_importance_samples=1, but it is "
                f"{self.n_importance_samples}: the importance weighted bound has no "
                "divergence of its own to bound from below."
            )
        prior = resolve(self.prior, PRIORS)
        chosen = []
        if hasattr(prior, "n_pseudo_rows"):
            check_parameters(prior)
            chosen = self._stream.permutation(len(X))[: prior.n_pseudo_rows]
        return partial(
            build_variational,
            start,
            np.nan_to_num(centred_float32(X[chosen], start.mean)),
            Parts(self, data_range(X)),
            self._loss_or_likelihood(),
            prior,
            {
                "beta": float(self.beta),
                "free_bits": float(self.free_bits),
                "n_draws": int(self.n_importance_samples),
                # As a mixture prior keeps the weight of one row for the normal one.
                "pca_weight": 1 / (start.n_rows + 1),
            },
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        likelihood = self.likelihood
        if isinstance(likelihood, str):
            likelihood = LIKELIHOODS.get(likelihood)
        tags.input_tags.positive_only = getattr(likelihood, "positive_only", False)
        return tags
