"""What only `AutoencoderTransformer`'s fit does: ask what PCA leaves, and how long."""

import numpy as np

from sklearn_ae._fitting.fit import Fitting
from sklearn_ae._fitting.verdict import can_judge, chosen_rows, look_for_structure
from sklearn_ae._training.run import follows_budget

# The guard's level where the verdict speaks for a gain: a second witness.
LEVEL_WITH_VERDICT = 0.05


class AutoencoderFitting(Fitting):
    """Base class of the fit of an autoencoder without a likelihood.

    Warning: this class should not be used directly. Use derived classes instead.
    """

    def _outlook(self, rows, seed, continued):
        """Ask what PCA leaves, where "auto" epochs let the answer decide."""
        if not follows_budget(self, rows):
            return None
        if continued or not can_judge(self, rows):
            return "unknown"
        rng = np.random.RandomState(seed)
        self.verdict_ = self._ranks.agreed(self._look(chosen_rows(rows, rng), rng))
        self._say(self.verdict_)
        return self.verdict_.finding

    def _look(self, rows, rng):
        """Return the verdict on centred rows."""
        return self._look_beyond(rows, rng, self.n_components_)

    def _look_beyond(self, rows, rng, n_columns):
        """Return the verdict on what so many columns of PCA leave."""
        module = self.net_.module_
        return look_for_structure(
            rows,
            module.encode_weight[:, :n_columns].cpu().numpy(),
            module.decode_weight[:n_columns].cpu().numpy(),
            rng,
        )

    def _guard_level(self):
        is_expected = self.verdict_ is not None and self.verdict_.expects_gain
        # A verdict takes rows for independent.
        is_witness = is_expected and self._chooser.was_left_to_chance
        if is_witness and isinstance(self.guard, bool | np.bool_):
            return LEVEL_WITH_VERDICT
        return super()._guard_level()
