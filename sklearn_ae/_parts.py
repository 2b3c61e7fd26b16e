"""The parts that both autoencoders have: networks, a corruption and a penalty."""

from sklearn_ae._utils import HasMethods, StrOptions, resolve
from sklearn_ae.corruptions import CORRUPTIONS, build_corruption, corrupted_scale
from sklearn_ae.networks import NETWORKS
from sklearn_ae.penalties import PENALTIES, build_penalty

PART_CONSTRAINTS = {
    "network": [StrOptions(set(NETWORKS)), HasMethods("build")],
    "corruption": [
        StrOptions(set(CORRUPTIONS)),
        HasMethods("build"),
        callable,
        list,
        None,
    ],
    "penalty": [StrOptions(set(PENALTIES)), HasMethods("build"), list, None],
}


class Parts:
    """What an estimator was given for them.

    Parameters
    ----------
    estimator : BaseAutoencoder
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

    def build(self, start, frame, *, encoder_outputs, decoder_outputs, natural_scale):
        """Return the modules by name, and whether the encoder takes flags.

        Parameters
        ----------
        start : Start
        frame : Frame
        encoder_outputs, decoder_outputs : int
            Numbers of columns that the networks give.
        natural_scale : float
            What the loss is divided by.
        """
        takes_flags = start.is_incomplete and getattr(self.network, "flaggable", False)
        encoder, decoder = self.network.build(
            len(start.mean),
            len(start.variances),
            encoder_outputs=encoder_outputs,
            decoder_outputs=decoder_outputs,
            zero_output=start.components is not None,
            **({"with_flags": True} if takes_flags else {}),
        )
        parts = {"encoder": encoder, "decoder": decoder, "takes_flags": takes_flags}
        if self.corruption is not None:
            parts["corruption"] = self._corruption(start)
        if self.penalty is not None:
            parts["penalty"] = build_penalty(
                self.penalty, code_scale=frame.code_scale, natural_scale=natural_scale
            )
        return parts
