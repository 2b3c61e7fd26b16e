"""What only a probabilistic model can do: posteriors, scores in nats, draws."""

from typing import Any
from warnings import warn

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._guard import with_worst_twice
from sklearn_ae._inference import thinned
from sklearn_ae._start import largest_noise_variance
from sklearn_ae._training import make_net, run
from sklearn_ae._utils import RandomStateLike, resolve, seeded
from sklearn_ae._validation import check_count
from sklearn_ae.priors import PRIORS

# Seeds the draws of importance sampling, so that scores are deterministic.
SCORE_SEED = 0
SCORE_DRAWS = 100
# Draws of each row with which the guard compares densities.
GUARD_DRAWS = 10
# Numbers in the codes' largest layer that are evaluated at a time when scoring.
SCORE_BUDGET = 2**22
# A code column is in use if its posterior mean varies by more than this, and says more
# than it leaves open if by more than that.
ACTIVE, INFORMED = 0.01, 0.5
# Step by which learned noise is widened.
WIDENING = 1.1
# Share of the epochs over which the divergence's weight rises in a second training.
SECOND_WARM_UP = 0.5


class GenerativeAutoencoder(BaseAutoencoder):
    """Base class of the variational autoencoder: the verbs of a density model.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _gain(self, baseline, losses):
        return float(baseline.mean() - losses.mean())

    # ---- the guard

    def _compared_losses(self, rows):
        """Return minus the log-likelihoods: bounds from one draw are too noisy."""
        module = self.net_.module_
        device = self.net_.device
        generator = torch.Generator(device).manual_seed(SCORE_SEED)

        def losses(x):
            shape = (len(x), GUARD_DRAWS, self.n_components_)
            noise = torch.randn(shape, generator=generator, device=device)
            prior = module.prior.given(module.posterior)
            return -module.log_likelihood(x, noise, prior)

        return self._over_rows(
            losses, thinned(rows.data), self._scored_rows(GUARD_DRAWS)
        )

    def _is_gain(self, gains, other_gains=()):
        return super()._is_gain(with_worst_twice(gains), other_gains)

    # ---- training

    def _refine(self, rows, continued):
        if not continued:
            self._train_again(rows)
        self._widen_noise(rows.valid)

    def _widen_noise(self, rows):
        """Widen the learned noise to the errors of the held-out rows.

        It was learned on rows that the networks reconstruct better than others. Where
        it is too narrow, the likelihood of other rows falls without bound.
        """
        cost = self.net_.module_.cost
        best, wider = -np.inf, self._cautious_mean(rows)
        while wider > best:
            best = wider
            cost.widen(WIDENING)
            wider = self._cautious_mean(rows)
        cost.widen(1 / WIDENING)

    def _cautious_mean(self, rows):
        return with_worst_twice(-self.net_.row_losses(rows)).mean()

    def _train_again(self, rows):
        """Train once more with a warm-up where code columns say little.

        From the same start, with the divergence's weight rising from zero, columns are
        put to use before they have to pay for it. The better net by the bound on the
        held-out rows stays.
        """
        if self.kl_warmup != "auto" or self.beta > 1:
            return
        mean, _ = self._moments_over(thinned(rows.data))
        if (mean.var(axis=0) > INFORMED).sum() >= self._n_usable(rows):
            return
        first = self.net_
        device = torch.device(first.device)
        self.net_ = second = make_net(self, first.module, device)
        with seeded(self._stream.randint(2**31), device):
            second.initialize()
        warm_up = dict(second.callbacks_)["kl_warmup"]
        warm_up.set_params(share=SECOND_WARM_UP)
        seed = self._stream.randint(2**31)
        run(self, rows, seed, max_epochs=self.max_epochs, scheduled=True)
        warm_up.set_params(share=0.0)
        bounds = [-net.row_losses(rows.valid).mean() for net in (first, second)]
        if bounds[0] >= bounds[1]:
            self.net_ = first

    def _n_usable(self, rows):
        """Return how many code columns the data evidently can use.

        With a start at probabilistic PCA: the axes whose variance is above that of pure
        noise.
        """
        if self.init == "random":
            # Nothing is known of the axes, but a code that says nothing is a failure
            # where any column of the data varies.
            return int(self.net_.module_.input_scale.any())
        # Where training starts a posterior variance is noise over variance.
        ratios = (-self.net_.module_.log_variance).exp().cpu().numpy()
        return (ratios > largest_noise_variance(len(rows), self.n_features_in_)).sum()

    # ---- after training

    def _choose_prior(self, rows):
        self.prior_ = resolve(self.prior, PRIORS)
        if rows is None or not hasattr(self.prior_, "fit"):
            return
        mean, deviation = self._moments_over(thinned(rows.data))
        codes = mean + deviation * self._stream.standard_normal(mean.shape)
        density = clone(self.prior_)
        if density.random_state is None:
            density.set_params(random_state=self._stream.randint(2**31))
        density.fit(codes, normal_weight=1 / (len(codes) + 1))
        module = self.net_.module_
        noise = self._score_noise(SCORE_DRAWS)
        before, after = (
            self._over_rows(
                lambda x, prior=prior: module.log_likelihood(x, noise, prior),
                rows.valid.data,
                self._scored_rows(SCORE_DRAWS),
            )
            for prior in (
                module.prior.given(module.posterior),
                density.as_module().to(self.net_.device),
            )
        )
        if not self.guard or self._is_gain(after - before):
            self.prior_ = density

    def _over_rows(self, function, rows, n_rows):
        """Apply a function to centred rows, wherever they are kept."""
        self.net_._set_training(False)
        device = self.net_.device
        with torch.inference_mode():
            parts = [function(x.to(device)).cpu().numpy() for x in rows.split(n_rows)]
        return np.concatenate(parts).astype(np.float64)

    def _moments_over(self, rows):
        """Return means and deviations of centred rows' codes, on the prior's scale."""
        return np.split(self._over_rows(self.net_.module_.moments, rows, 4096), 2, 1)

    def _after_training(self, X):
        mean, deviation = self._moments(thinned(X))
        variance = np.square(deviation)
        kl = 0.5 * (np.square(mean) + variance - 1 - np.log(variance))
        self.kl_per_component_ = kl.mean(axis=0)
        self.active_units_ = mean.var(axis=0) > ACTIVE
        n_active, n_usable = self.active_units_.sum(), self._n_usable(X)
        if n_active < n_usable:
            warn(
                f"Training left only {n_active} of the {self.n_components_} code "
                f"columns in use (see active_units_) where the data could fill "
                f"{n_usable}; try free_bits=0.1 or a lower beta, or set n_components "
                "to the number in use.",
                ConvergenceWarning,
                stacklevel=2,
            )

    # ---- posteriors

    def _moments(self, X):
        """Return means and standard deviations on the prior's scale."""
        out = np.empty((len(X), 2 * self.n_components_), dtype=np.float64)
        self._apply(self.net_.module_.moments, X, out, self._centred)
        return np.split(out, 2, axis=1)

    def posterior(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior distribution of each row's code.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components), float32
            What `transform` returns.
        standard_deviation : ndarray of shape (n_samples, n_components), float32
            In the units of `mean`; given a row the columns are independent.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        X = self._checked_rows(X)
        scale = self.net_.module_.code_scale.cpu().numpy()
        return tuple((part * scale).astype(np.float32) for part in self._moments(X))

    def sample_posterior(
        self,
        X: ArrayLike,
        n_draws: int = 1,
        *,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Draw codes from the posterior of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=1
            Draws of each row.
        random_state : int, RandomState or None, default=None
            As for `sample`.

        Returns
        -------
        codes : ndarray of shape (n_draws, n_samples, n_components), float32
            Codes as `transform` returns them; ``codes[0]`` is one draw of all rows.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_draws` is not a positive int.
        """
        mean, deviation = self.posterior(X)
        check_count(n_draws, "n_draws", "sample_posterior")
        rng = self._rng(random_state)
        noise = rng.standard_normal((n_draws, *mean.shape))
        return (mean + deviation * noise).astype(np.float32)

    # ---- samples

    def _draw_codes(self, n_samples, rng):
        module = self.net_.module_
        if hasattr(self.prior_, "mixture_"):
            codes = self.prior_.sample(n_samples, random_state=rng)
        else:
            generator = torch.Generator().manual_seed(int(rng.randint(2**31)))
            with torch.inference_mode():
                codes = self._prior_module().sample(n_samples, generator).numpy()
        return codes * module.code_scale.cpu().numpy()

    def _draw_rows(self, codes, rng):
        """Draw rows from the likelihood at codes in PCA's units."""
        module = self.net_.module_
        device = self.net_.device
        generator = torch.Generator(device).manual_seed(int(rng.randint(2**31)))
        rows = self._decode(
            codes, lambda code: module.draw(code / module.code_scale, generator)
        )
        return self._whole(rows)

    def _whole(self, rows):
        """Round draws of whole numbers: taking the centre off left a rounding error."""
        return np.rint(rows, out=rows, where=self.net_.module_.cost.is_discrete)

    def sample(
        self,
        n_samples: int = 1,
        *,
        observation_noise: bool = False,
        random_state: RandomStateLike = None,
    ) -> np.ndarray:
        """Generate rows by decoding draws from the prior.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        observation_noise : bool, default=False
            Whether to draw from the likelihood around each decoded mean, as the data
            are drawn under the model; without it rows are the means.
        random_state : int, RandomState or None, default=None
            Seeds the draws. None draws afresh each time, from a stream of the
            estimator's own that `random_state` seeded in ``fit``.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            Rows in X's units.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_samples` is not a positive int.
        """
        rng = self._checked_draws(n_samples, random_state)
        codes = self._draw_codes(n_samples, rng)
        if observation_noise:
            return self._draw_rows(codes, rng)
        return self._decode(codes, self.net_.module_.decode)

    # ---- scores

    def _score_noise(self, n_draws):
        generator = torch.Generator().manual_seed(SCORE_SEED)
        noise = torch.randn(n_draws, self.n_components_, generator=generator)
        return noise.to(self.net_.device)

    def _prior_module(self):
        """Return the module of the prior in use."""
        if hasattr(self.prior_, "mixture_"):
            return self.prior_.as_module().to(self.net_.device)
        module = self.net_.module_
        with torch.inference_mode():
            return module.prior.given(module.posterior)

    def _scored_rows(self, n_draws):
        return max(1, SCORE_BUDGET // (n_draws * max(self.n_features_in_, 512)))

    def score_samples(self, X: ArrayLike, *, n_draws: int = SCORE_DRAWS) -> np.ndarray:
        """Return the log-likelihood of each row, estimated by importance sampling.

        The draws have a fixed seed and are the same for every row, so scores are
        deterministic and depend neither on the order of rows nor on their number. The
        estimate is a lower bound in expectation that tightens with `n_draws`. That of a
        row with missing values is the log-likelihood of its observed ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        n_draws : int, default=100
            Draws from each row's posterior.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float32
            Log-likelihoods in nats, in X's units: comparable with those of
            `sklearn.decomposition.PCA` and `sklearn.decomposition.FactorAnalysis`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `n_draws` is not a positive int.
        """
        rows = self._checked_rows(X)
        check_count(n_draws, "n_draws", "score_samples")
        module = self.net_.module_
        noise = self._score_noise(n_draws)
        prior = self._prior_module()
        return self._apply(
            lambda x: module.log_likelihood(x, noise, prior),
            rows,
            np.empty(len(rows), dtype=np.float32),
            self._centred,
            n_rows=self._scored_rows(n_draws),
        )

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean log-likelihood of a row, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : None
            Ignored; there for scikit-learn's conventions.

        Returns
        -------
        score : float
            The mean of `score_samples`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        return float(self.score_samples(X).mean(dtype=np.float64))
