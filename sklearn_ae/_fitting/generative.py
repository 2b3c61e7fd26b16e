"""How a VAE is fitted: the guard by likelihoods, learned noise, and the prior."""

from warnings import warn

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae._arrays import kept
from sklearn_ae._draws import row_draws
from sklearn_ae._fitting.fit import Fitting
from sklearn_ae._fitting.guard import (
    by_weight,
    of_groups,
    paired_t_test,
    with_worst_twice,
)
from sklearn_ae._fitting.verdict import can_judge, chosen_rows, look_for_likelihood
from sklearn_ae._inference import MOST_CODES, chunk_rows, thinned
from sklearn_ae._modules.defended import DefendedDensity
from sklearn_ae._pca.start import largest_noise_variance
from sklearn_ae._training.batches import parts_of
from sklearn_ae._training.callbacks import KLWarmUp
from sklearn_ae._training.run import follows_budget, run
from sklearn_ae._utils import own_modes, resolve
from sklearn_ae.priors import PRIORS

# Seeds the draws of importance sampling, so that scores are deterministic.
SCORE_SEED = 0
SCORE_DRAWS = 100
# Draws of each row with which the guard compares densities.
GUARD_DRAWS = 10
# Share of a row's log-likelihood that float32 cannot tell, which is no gain.
ROUNDING = 1e-6
# Numbers in the codes' largest layer that are evaluated at a time when scoring.
SCORE_BUDGET = 2**22
# A code column is in use if its posterior mean varies by more than this, and says more
# than it leaves open if by more than that.
ACTIVE, INFORMED = 0.01, 0.5
# Step by which learned noise is widened.
WIDENING = 1.1
# Share of the epochs over which the divergence's weight rises in a second training, and
# with a budget, of the steps before its first look.
SECOND_WARM_UP, BUDGET_WARM_UP = 0.5, 1.0


class GenerativeFitting(Fitting):
    """Fits a probabilistic model.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _gain(self, baseline, losses):
        return float(baseline.mean() - losses.mean())

    # ---- the guard

    _pca_name = "probabilistic PCA"

    def _compared_losses(self, rows):
        """Return minus the log-likelihoods: bounds from one draw are too noisy."""
        module = self.net_.module_
        device = self.net_.device
        generator = torch.Generator(device).manual_seed(SCORE_SEED)

        def losses(x):
            shape = (len(x), GUARD_DRAWS, self.n_components_)
            noise = torch.randn(
                shape, generator=generator, device=device, dtype=torch.float32
            )
            return -density.log_likelihood(x, noise)

        with own_modes(inference=True):
            density = DefendedDensity(module, module.prior.given(module.posterior))
        return self._over_rows(
            losses, thinned(rows.data), self._scored_rows(GUARD_DRAWS)
        )

    def _baseline_losses(self, rows):
        """Return probabilistic PCA's losses, its noise widened as the networks' was.

        Else a wider noise alone, which is no structure, would be their gain.
        """
        own = super()._baseline_losses(rows)
        module = self.net_.module_
        with module.cost.noise_kept():
            self._widen_noise(rows.valid)
            wider = super()._baseline_losses(rows)
        # As defended as the networks are: that, too, is no structure.
        weight = module.pca_weight
        with np.errstate(divide="ignore"):
            wider = tuple(
                -np.logaddexp(np.log1p(-weight) - wide, np.log(weight) - narrow)
                for wide, narrow in zip(wider, own, strict=True)
            )
        means = [
            with_worst_twice(by_weight(-valid, rows.valid.weights)).mean()
            for valid, _ in (own, wider)
        ]
        better = wider if means[1] > means[0] else own
        return tuple(losses - ROUNDING * np.abs(losses) for losses in better)

    def _uncompared_error(self, rows):
        module = self.net_.module_
        module.unshrinking.take(*self._moments_over(rows.as_weighted(MOST_CODES)))
        n_rows = self._scored_rows(1)
        squares = self._over_rows(
            lambda x: module.squares(x, self._unit), thinned(rows.valid.data), n_rows
        )
        return float(by_weight(squares[:, 0], rows.valid.weights).mean())

    def _test(self, gains, other_gains):
        return paired_t_test(gains, other_gains, skewed=True, worst_twice=True)

    # ---- training

    def _training_callbacks(self):
        share = 0.0 if self.kl_warmup == "auto" else float(self.kl_warmup)
        return [("kl_warmup", KLWarmUp(share))]

    def _outlook(self, rows, seed, continued):
        """Ask what PCA leaves, where gains over probabilistic PCA say how long.

        Other likelihoods leave what they start from far behind at once, which hides
        whether the rest pays.
        """
        cost = self.net_.module_.cost
        counts = self.init == "pca" and cost.minimised_by_pca
        warms_up = self.kl_warmup not in ("auto", 0)
        if not counts or warms_up or not follows_budget(self, rows):
            return None
        if continued or not can_judge(self, rows):
            return "unknown"
        rng = np.random.RandomState(seed)
        some_rows = chosen_rows(rows, rng)
        whitening = self._whitening(some_rows)
        verdict = look_for_likelihood(some_rows, *whitening, rng)
        self.verdict_ = self._ranks.agreed(verdict)
        self._say(self.verdict_)
        finding = self.verdict_.finding
        if finding == "pca" and not cost.has_one_variance:
            return "doubtful"
        # A gain that shows late is not always large.
        return "unknown" if finding == "hidden" else finding

    def _whitening(self, rows):
        """Return PCA's projection to unit spread, and back."""
        module = self.net_.module_
        components = module.encode_weight * module.axes.scale
        components = components.cpu().numpy()
        spread = (rows @ components).std(axis=0)
        spread[spread == 0] = 1.0
        return components / spread, (components * spread).T

    def _refine(self, rows, outlook, continued):
        if not continued:
            self._train_again(rows, outlook)
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

    def _most_trainings(self):
        return 2 if self.kl_warmup == "auto" else 1

    def _train_again(self, rows, outlook):
        """Train once more with a warm-up where code columns say little.

        From the same start, with the divergence's weight rising from zero, columns are
        put to use before they have to pay for it. The better net by the bound on the
        held-out rows stays.
        """
        if self.kl_warmup != "auto" or self.beta > 1 or self.net_.interrupted_:
            return
        mean, _ = self._moments_over(rows.as_weighted(MOST_CODES))
        if (mean.var(axis=0) > INFORMED).sum() >= self._n_usable(rows):
            return
        self._say("Columns of the code say little; once more with a warm-up")
        first = self.net_
        self.net_ = second = self._new_net(first.module)
        seed = self._stream.randint(2**31)
        warm_up = dict(second.callbacks_)["kl_warmup"]
        warm_up.set_params(share=SECOND_WARM_UP if outlook is None else BUDGET_WARM_UP)
        try:
            run(
                self,
                rows,
                seed,
                max_epochs=self.max_epochs,
                scheduled=True,
                outlook=outlook,
            )
        except KeyboardInterrupt:
            self.net_ = first
            first.interrupted_ = True
            return
        warm_up.set_params(share=0.0)
        first.interrupted_ = second.interrupted_
        bounds = [-net.row_losses(rows.valid).mean() for net in (first, second)]
        is_better = bounds[1] > bounds[0]
        if not is_better:
            self.net_ = first
        self._say(f"The {'second' if is_better else 'first'} training was better")

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
        """Keep a density fitted to the codes if held-out rows are likelier by it."""
        self.prior_ = resolve(self.prior, PRIORS)
        if not hasattr(self.prior_, "as_module"):
            return
        self.net_.module_.prior.refit(None)
        if rows is None:
            return
        density = self._density_of_codes(rows)
        module = self.net_.module_
        with own_modes(inference=True):
            densities = [
                DefendedDensity(module, module.prior.given(module.posterior)),
                DefendedDensity(module, density.as_module().to(self.net_.device)),
            ]
        before, after = (
            self._over_rows(
                lambda x, defended=defended: defended.log_likelihood(
                    x, self._score_noise(x, SCORE_DRAWS)
                ),
                rows.valid.data,
                self._scored_rows(SCORE_DRAWS),
            )
            for defended in densities
        )
        level = self._guard_level()
        gains = by_weight(after - before, rows.valid.weights)
        gains = of_groups(gains, rows.valid.groups)
        if level is None or paired_t_test(gains, worst_twice=True)[1] < level:
            self.prior_ = density
            module.prior.refit(density)

    def _density_of_codes(self, rows):
        """Return the prior fitted to the posteriors of rows, or to codes from them."""
        mean, deviation = self._moments_over(rows.as_weighted(MOST_CODES))
        codes = mean + deviation * self._stream.standard_normal(mean.shape)
        density = clone(self.prior_)
        if density.random_state is None:
            density.set_params(random_state=self._stream.randint(2**31))
        weight = 1 / (len(codes) + 1)
        if hasattr(density, "fit_posteriors"):
            return density.fit_posteriors(mean, deviation, normal_weight=weight)
        return density.fit(codes, normal_weight=weight)

    def _over_rows(self, function, rows, n_rows):
        """Apply a function to centred rows, wherever they are kept."""
        self.net_._set_training(False)
        device = self.net_.device
        with self.net_.drawing(SCORE_SEED), own_modes(inference=True):
            parts = [
                function(x.to(device)).cpu().numpy() for x in parts_of(rows, n_rows)
            ]
        return self._ranks.agreed(np.concatenate(parts).astype(np.float64))

    def _moments_over(self, rows):
        """Return means and deviations of centred rows' codes, on the prior's scale."""
        n_rows = chunk_rows(self.n_features_in_)
        return np.split(self._over_rows(self.net_.module_.moments, rows, n_rows), 2, 1)

    def _after_training(self, X, rows):
        self._choose_prior(rows)
        module = self.net_.module_
        moments = self._moments(thinned(X))
        module.unshrinking.take(*moments)
        order = module.axes.order().cpu().numpy()
        mean, deviation = (part[:, order] for part in moments)
        variance = np.square(deviation)
        kl = 0.5 * (np.square(mean) + variance - 1 - np.log(variance))
        self.kl_per_component_ = kl.mean(axis=0)
        self.active_units_ = mean.var(axis=0) > ACTIVE

    def _warn_of_idle_columns(self, X):
        # Not an array of another library.
        n_active = kept(self, "active_units_").sum()
        n_usable = self._n_usable(X)
        if n_active < n_usable:
            warn(
                f"Training left only {n_active} of the {self.n_components_} code "
                f"columns in use (see active_units_) where the data could fill "
                f"{n_usable}; try free_bits=0.1 or a lower beta, or set n_components "
                "to the number in use.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _moments(self, X):
        """Return means and standard deviations on the prior's scale."""
        out = np.empty((len(X), 2 * self.n_components_), dtype=np.float64)
        self._apply(self.net_.module_.moments, X, out, self._centred)
        return np.split(out, 2, axis=1)

    # ---- densities

    def _score_noise(self, x, n_draws):
        """Return draws of each row's own: means over rows have independent errors."""
        return row_draws(x, n_draws, self.n_components_, SCORE_SEED)

    def _density(self):
        """Return the density of rows."""
        module = self.net_.module_
        with own_modes(inference=True):
            return DefendedDensity(module, module.final_prior())

    def _scored_rows(self, n_draws):
        return max(1, SCORE_BUDGET // (n_draws * max(self.n_features_in_, 512)))
