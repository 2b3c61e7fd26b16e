"""Export of fitted estimators to ONNX, which runs without Python's packages.

It needs the extra ``onnx``: ``pip install 'sklearn-ae[onnx]'``.
"""

from typing import Any, Literal

from sklearn_ae._export.converters import register
from sklearn_ae._export.onnx import model_of

__all__ = ["register_converters", "to_onnx"]


def to_onnx(
    estimator: Any,
    part: Literal["encoder", "decoder", "reconstruct", "score"] = "encoder",
) -> Any:
    """Return a fitted autoencoder as an ONNX model.

    Centre, scales, the PCA path, the networks with their range, the axes of the codes
    and the bounds of what is reconstructed are in one graph, for any number of rows.

    Rows have no checks in a graph: they have to be complete, of the columns of ``fit``
    in their order, and in the domain of the loss or likelihood. A row with a missing
    value gets NaN. What is too large for float32 gives values that are not finite,
    where methods raise.

    Parameters
    ----------
    estimator : AutoencoderTransformer or VAETransformer
        A fitted estimator, on any device.
    part : {"encoder", "decoder", "reconstruct", "score"}, default="encoder"
        Which method the model computes:

        - "encoder": `transform`, from ``X`` to ``codes``
        - "decoder": `inverse_transform`, from ``codes`` to ``X_original``
        - "reconstruct": from ``X`` to ``X_reconstructed``
        - "score": `score_samples` of an AutoencoderTransformer, from ``X`` to
          ``scores``

    Returns
    -------
    model : onnx.ModelProto
        It takes rows, and gives them back, in the floating dtype of the training rows:
        columns such as timestamps, whose values are large beside what they vary by,
        have their digits in float64 alone, and are centred before the network's
        float32. Codes and scores are float32.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is neither of the two.
    ValueError
        If there is no such part, if the score of a VAETransformer is asked for, whose
        scores are by random draws, or if torch cannot export a network of one's own.
    ImportError
        If the extra is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import to_onnx
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=20, random_state=0).fit(X)
    >>> model = to_onnx(ae)  # doctest: +SKIP
    >>> with open("encoder.onnx", "wb") as file:  # doctest: +SKIP
    ...     file.write(model.SerializeToString())
    """
    return model_of(estimator, part)


def register_converters() -> None:
    """Have ``skl2onnx.to_onnx`` convert pipelines in which autoencoders transform.

    An autoencoder's step is the encoder of `to_onnx`, in operators of the version
    `target_opset` of skl2onnx, which is 18 at least. Rows come in the dtype that
    skl2onnx is told of, by types or by rows. Calling this again changes nothing.

    Raises
    ------
    ImportError
        If the extra is not installed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.export import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=20, random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), ae, LogisticRegression()).fit(X, y)
    >>> register_converters()  # doctest: +SKIP
    >>> import skl2onnx  # doctest: +SKIP
    >>> model = skl2onnx.to_onnx(pipe, X[:1])  # doctest: +SKIP
    """
    register()
