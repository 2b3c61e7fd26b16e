"""Probabilistic PCA of rows with gaps: what observed values tell of all else.

Loadings are over the noise's standard deviation, so that a code given the observed
values has precision ``I + L L'`` over these. All is in double precision: where a column
that dominates an axis is missing, what is left of the axis has few digits.
"""

import torch

# Numbers up to which features, or rows, are taken at a time.
MOST_NUMBERS = 2**20
# Share of the observed values that rows which miss some hide from the encoder as well.
HIDDEN = 0.2


def doubles(tensor):
    """Return a tensor in double precision, on the CPU where its device has none."""
    device = "cpu" if tensor.device.type == "mps" else tensor.device
    return tensor.to(device=device, dtype=torch.float64)


def hidden(missing, generator):
    """Return where the encoder sees no value: some of the observed ones are hidden.

    A loss of values that the code was made from says nothing of how well it tells
    others.
    """
    if missing is None:
        return None
    uniform = torch.rand(
        missing.shape, generator=generator, device=missing.device, dtype=torch.float32
    )
    return missing | (uniform < HIDDEN)


def precision_factor(observed, loadings):
    """Return the Cholesky factors of the precisions of codes.

    Parameters
    ----------
    observed : Tensor of shape (n_rows, n_features)
        One where a value is observed, zero elsewhere, in double precision.
    loadings : Tensor of shape (n_components, n_features)
        In double precision.

    Returns
    -------
    factor : Tensor of shape (n_rows, n_components, n_components)
        Lower triangles.
    """
    n_components, n_features = loadings.shape
    like = {"device": loadings.device, "dtype": torch.float64}
    # The products of each pair of components, once.
    pairs = torch.tril_indices(n_components, n_components, device=loadings.device)
    first, second = pairs
    step = max(1, MOST_NUMBERS // len(first))
    packed = torch.zeros(len(observed), len(first), **like)
    for start in range(0, n_features, step):
        part = loadings[:, start : start + step]
        products = part.index_select(0, first) * part.index_select(0, second)
        packed = packed + observed[:, start : start + step] @ products.T
    each = torch.arange(n_components, device=loadings.device)
    high = torch.maximum(each[:, None], each)
    places = high * (high + 1) // 2 + torch.minimum(each[:, None], each)
    gram = packed.index_select(1, places.flatten()).unflatten(1, places.shape)
    precision = gram + torch.eye(n_components, **like)
    # `solve` and `cholesky` look at the result, which a recorded step cannot.
    return torch.linalg.cholesky_ex(precision)[0]


def codes_given(x, factor, loadings):
    """Return the mean codes of rows, in units of the noise's standard deviation.

    Parameters
    ----------
    x : Tensor of shape (n_rows, n_features)
        Centred rows with zeros for missing values, in double precision.
    factor, loadings
        As for `precision_factor`.
    """
    return torch.cholesky_solve((x @ loadings.T)[:, :, None], factor)[:, :, 0]


def linear_fill(x, missing, loadings):
    """Return rows with the conditional means of their missing values.

    Parameters
    ----------
    x : Tensor of shape (n_rows, n_features)
        Centred rows with zeros for missing values.
    missing : Tensor of bool
        Where they are.
    loadings
        As for `precision_factor`.
    """
    observed = doubles(~missing)
    step = max(1, MOST_NUMBERS // loadings.shape[0] ** 2)
    linear = []
    for rows, flags in zip(doubles(x).split(step), observed.split(step), strict=True):
        code = codes_given(rows, precision_factor(flags, loadings), loadings)
        linear.append(code @ loadings)
    return torch.where(missing, torch.cat(linear).to(x), x)
