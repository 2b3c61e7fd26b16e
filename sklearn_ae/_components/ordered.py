"""The fit of ordered codes: each prefix of a code is a code, and none loses to PCA."""

import copy
from numbers import Integral, Real

import numpy as np

from sklearn_ae._components.explained import (
    elbow,
    explained_variance_curve,
    fewest_columns,
)
from sklearn_ae._fitting.autoencoder import AutoencoderFitting
from sklearn_ae._fitting.guard import by_weight
from sklearn_ae._inference import thinned
from sklearn_ae._modules.ordered import EXACT
from sklearn_ae._pca.start import centred_rows
from sklearn_ae._training.batches import parts_of
from sklearn_ae._training.run import all_rows, run
from sklearn_ae._utils import own_modes

# Most columns where the data are to say how many.
MOST_COLUMNS = 32
# Columns are trained while at least so large a share of the variance is left.
LEFT = 1e-3
# By how much of what a target leaves PCA's components go beyond it, so that the target
# is within reach on held-out rows too.
MARGIN = 0.1
# Rows by which prefixes are compared with PCA's, at most where there are few prefixes
# and at least where there are many; all that are decoded for it; and rows at a time.
MOST_COMPARED, FEWEST_COMPARED, MOST_DECODED, ROWS_TOGETHER = 4000, 500, 2**16, 1024
# From what is to be expected of training most of all to least of all.
FINDINGS = ("clear", "hidden", "crowded", "doubtful", "pca")


class OrderedFitting(AutoencoderFitting):
    """Base class of the fit of an autoencoder whose codes may be ordered.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _is_ordered(self):
        is_number = isinstance(self.n_components, Integral)
        return bool(self.ordered) or not is_number

    def _n_ordered(self):
        """Return how many columns `ordered` asks for; None leaves it to the others."""
        is_flag = isinstance(self.ordered, bool | np.bool_)
        return None if is_flag else int(self.ordered)

    def _n_columns(self, X):
        if not self._is_ordered():
            return super()._n_columns(X)
        most, asked = min(X.shape), self._n_ordered()
        if isinstance(self.n_components, Integral):
            if asked is None:
                return int(self.n_components)
            if self.n_components > asked:
                raise ValueError(
                    f"n_components={self.n_components} is more than the "
                    f"ordered={self.ordered} columns that are trained; set ordered to "
                    f"at least {self.n_components}."
                )
            return max(min(asked, most), int(self.n_components))
        if asked is not None:
            most = min(most, asked)
        elif self.n_components == "auto":
            most = min(most, MOST_COLUMNS)
        return most

    def _start_of(self, start, X):
        """Leave columns out that would have nothing to explain."""
        total = self._total_variance = float(np.square(start.feature_scale).sum())
        self._next_fall = 0.0
        # No more of them can be told apart by so many rows.
        self._n_directions = min(len(X) - 1, X.shape[1])
        if start.components is None or not self._is_ordered():
            return start
        left = np.square(start.residual_scales()).sum(axis=1) / (total or 1.0)
        n_columns = self._n_worth_training(left, len(start.mean))
        # By which share what PCA leaves falls with one more component.
        beyond = left[n_columns - 1 : n_columns + 1]
        if len(beyond) == 2 and beyond[1] > EXACT:
            self._next_fall = float(np.log(beyond[0] / beyond[1]))
        return start.shortened(n_columns)

    def _n_worth_training(self, left, n_features):
        """Return how many columns to train, by what PCA leaves with 1, 2 and so on."""
        is_fixed = self._n_ordered() is not None
        n_columns = max(1, np.count_nonzero(left > LEFT))
        # The last axis of rows that lie in a space of few counts as well.
        is_last = np.count_nonzero(left > EXACT) == n_columns
        n_columns += is_last and n_columns + 1 < n_features
        if isinstance(self.n_components, Integral):
            n_asked = int(self.n_components)
            n_columns = max(n_columns, n_asked) if is_fixed else n_asked
        elif self.n_components != "auto":
            needed = np.count_nonzero(left > self._left_by_target())
            n_columns = max(n_columns, needed) if is_fixed else needed + 2
        return int(min(n_columns, len(left)))

    def _is_all_exact(self, start):
        is_ordered = start.components is not None and self._is_ordered()
        return (start.shortened(1) if is_ordered else start).is_exact

    def _begin(self, X, weights):
        self._n_kept = None
        rows, start = super()._begin(X, weights)
        if self._is_ordered() and isinstance(self.n_components, Integral):
            module = self.net_.module_
            # Where PCA reproduces the rows, codes that bend do not.
            module.bends = bool(module.n_trained >= self.n_components)
        return rows, start

    def _continue(self, X, who):
        self._n_kept = None
        # Which size is asked for comes first: it may be what makes codes ordered.
        rows = super()._continue(X, who)
        if self._is_ordered() != hasattr(self.net_.module_, "gates"):
            before = "not " if self._is_ordered() else ""
            raise ValueError(
                f"ordered={self.ordered!r} cannot be set now: codes were {before}"
                f"ordered, and {who} continues with the same network; call fit with "
                "warm_start=False to start afresh."
            )
        return rows

    def _left_by_target(self):
        """Return what PCA has to leave at most for `n_components` to be in reach."""
        return (1 - self.n_components) * (1 - MARGIN)

    def _size_of_training(self):
        """Return an `n_components` whose training is that of this one's.

        Where `ordered` says how many columns to train it is the same for all of them,
        but for those that need columns with next to nothing left to explain.
        """
        if self._n_ordered() is None:
            return self.n_components
        is_share = isinstance(self.n_components, Real) and self.n_components < 1
        if is_share and self._left_by_target() < LEFT:
            return self.n_components
        return "auto"

    # ---- training

    def _forget_comparison(self):
        super()._forget_comparison()
        self.explained_variance_curve_ = self._guards = None

    def _outlook(self, rows, seed, continued):
        self._expected = super()._outlook(rows, seed, continued)
        if self._is_ordered() and self.init == "pca" and rows.valid is not None:
            self._untrained = copy.deepcopy(self.net_.module_.state_dict())
        return self._expected

    def _switch_networks_on(self):
        super()._switch_networks_on()
        if self._is_ordered():
            self.net_.module_.open_gates()

    def _keep_columns(self):
        """Choose no other number of columns: what is behind them expects these."""
        if not self._is_ordered():
            return
        self._n_kept = self.n_components_
        module = self.net_.module_
        # Columns with which PCA reproduced the rows are its scores.
        module.bends = bool(module.bends and self._n_kept <= module.n_trained)

    def _look(self, rows, rng):
        """Ask of some numbers of columns, of which most is to be expected counts."""
        if not self._is_ordered():
            return super()._look(rows, rng)
        module = self.net_.module_
        sizes = {2**power for power in range(self.n_components_.bit_length())}
        verdicts = [
            self._look_beyond(rows, rng, n_columns)
            for n_columns in sorted(sizes | {len(module.gates)})
        ]
        return min(verdicts, key=lambda verdict: FINDINGS.index(verdict.finding))

    def _compare_with_pca(self, rows):
        """Keep codes that bend if no prefix of them is in doubt, else PCA's scores.

        Of those, the networks decode the prefixes that they decode significantly
        better.
        """
        if not self._is_ordered():
            super()._compare_with_pca(rows)
            return
        untrained = self.__dict__.pop("_untrained")
        results = self._judged_prefixes(rows)
        is_in_doubt = any(result.pca_kept for result in results)
        is_in_doubt = is_in_doubt or not self._reaches_target(rows)
        if is_in_doubt and self._may_bend_less():
            self._train_decoder_alone(rows, untrained)
            results = self._judged_prefixes(rows)
        self._guards = results
        module = self.net_.module_
        is_better = [not result.pca_kept for result in results]
        module.gates[: len(results)] = module.gates.new_tensor(is_better)
        self._describe_prefixes(rows.valid, held_out=True)
        self._abide_by(results[self.n_components_ - 1])
        # That was the prefix in use; others may have their networks.
        module.use_networks(any(is_better))

    def _reaches_target(self, rows):
        """Whether codes that bend explain the share of variance that is asked for.

        If not, components with which PCA reproduces the rows may.
        """
        module = self.net_.module_
        has_more = self._n_prefixes() < len(module.gates)
        if isinstance(self.n_components, Integral | str) or not has_more:
            return True
        self._describe_prefixes(rows.valid, held_out=True)
        return self.explained_variance_curve_.reached[-1] >= self.n_components

    def _judged_prefixes(self, rows):
        """Return how the networks compare with PCA, by number of columns."""
        net = self.net_
        module = net.module_
        losses = []
        for is_on in (True, False):
            module.use_networks(is_on)
            losses += [
                self._of_prefixes(module.losses_of_prefixes, part).T
                for part in (rows.valid, rows)
            ]
        self.pca_loss_ = float(net.row_losses(rows.valid).mean())
        module.use_networks(True)
        own, own_training, pca, pca_training = (
            part * module.natural_scale for part in losses
        )
        columns = zip(own, pca, own_training, pca_training, strict=True)
        judged = [self._judged(rows, *of_prefix) for of_prefix in columns]
        return judged[: self._n_prefixes()]

    def _n_prefixes(self):
        """Return how many columns may be handed out.

        Where PCA reproduces the rows, codes that bend do not.
        """
        module = self.net_.module_
        return module.n_trained if module.codes_bend else len(module.gates)

    def _most_trainings(self):
        return 2 if self._is_ordered() else 1

    def _may_bend_less(self):
        """Whether training can be made once more, with PCA's scores as codes."""
        return self.net_.module_.bends and not self.net_.interrupted_

    def _train_decoder_alone(self, rows, untrained):
        """Train once more from the start, with PCA's scores as codes.

        Codes that bend may serve some numbers of columns and not others. From PCA's
        scores PCA's reconstruction can be had for any of them.
        """
        self._say("Some columns lose to PCA's; once more with PCA's scores as codes")
        net = self.net_
        net.module_.load_state_dict(untrained)
        net.module_.bends = False
        net.initialize_optimizer()
        run(
            self,
            rows,
            self._stream.randint(2**31),
            max_epochs=self.max_epochs,
            scheduled=True,
            outlook=self._expected,
        )

    def _of_prefixes(self, function, rows):
        """Apply a function of the module to some rows, all prefixes at once."""
        net = self.net_
        net._set_training(False)
        each = MOST_DECODED // len(net.module_.gates)
        rows = thinned(rows.data, min(max(each, FEWEST_COMPARED), MOST_COMPARED))
        with own_modes(inference=True):
            parts = [
                function(x.to(net.device)).cpu().numpy()
                for x in parts_of(rows, ROWS_TOGETHER)
            ]
        return self._ranks.agreed(np.concatenate(parts).astype(np.float64))

    # ---- after training

    def _describe_prefixes(self, rows, *, held_out):
        """See what each prefix explains, and choose how many columns are handed out."""
        module = self.net_.module_
        networks_on = module.networks_on

        def squares(x):
            return module.squares_of_prefixes(x, self._unit)

        found = by_weight(self._of_prefixes(squares, rows), rows.weights)
        if module.decode_weight is None:
            of_pca = np.full_like(found, np.nan)
        else:
            module.use_networks(False)
            of_pca = by_weight(self._of_prefixes(squares, rows), rows.weights)
            module.use_networks(networks_on)
        n_squares = 1 + self._n_prefixes()
        curve = explained_variance_curve(
            found[:, :n_squares], of_pca[:, :n_squares], held_out=held_out
        )
        self.explained_variance_curve_ = curve
        self._hand_out(self._chosen_size())

    def _chosen_size(self):
        """Return how many columns `n_components` means, by the curve or from before."""
        if isinstance(self.n_components, Integral):
            return int(self.n_components)
        if self._n_kept is not None:
            return self._n_kept
        curve = self.explained_variance_curve_
        if self.n_components == "auto":
            return elbow(curve, self._n_directions, self._next_fall)
        return fewest_columns(curve, self.n_components)

    def _hand_out(self, n_components):
        """Hand out the first columns alone from now on."""
        self.n_components_ = self.net_.module_.n_used = n_components
        # Of codes with another number of columns.
        self._density = None
        if self._guards is not None:
            self.guard_ = guard = self._guards[n_components - 1]
            self.gain_over_pca_ = 0.0 if guard.pca_kept else guard.gain

    def _describe_without_comparison(self, X, rows):
        """See what each prefix explains where nothing was trained, or held out."""
        if rows is not None:
            self._describe_prefixes(rows.valid, held_out=True)
            return
        rows = centred_rows(thinned(X, MOST_COMPARED), self._mean)
        self._describe_prefixes(all_rows(rows, self.net_), held_out=False)
