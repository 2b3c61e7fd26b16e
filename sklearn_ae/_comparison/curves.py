"""Shares of variance by the length of the code: of estimators, and of their PCAs."""

from numbers import Integral, Real

import numpy as np

from sklearn_ae._comparison.rows import Comparison, squared_distances

# Shares that a picture does not tell apart.
ALIKE = 0.01


def is_ordered(coder):
    """Whether the first columns of its code are a code on their own."""
    return getattr(coder, "explained_variance_curve_", None) is not None


def names_of(coders):
    """Return the names of classes, numbered where lines would be taken for one."""
    names = [type(one).__name__ for one in coders]
    ordered = [
        name
        for name, one in zip(names, coders, strict=True)
        if is_ordered(one) and names.count(name) > 1
    ]
    return [
        f"{name} {number}" if name in ordered else name
        for number, name in enumerate(names, start=1)
    ]


def own_curves(coders, names):
    """Return a display's parameters from what estimators know of themselves."""
    counts, shares, errors, names_of_codes, rows = [], [], [], [], []
    for name, one in zip(names, coders, strict=True):
        if is_ordered(one):
            curve = one.explained_variance_curve_
            found = curve.explained, curve.standard_error
            rows.append("held-out rows" if curve.held_out else "training rows")
        elif getattr(one, "explained_variance_ratio_", None) is not None:
            explained = np.cumsum(one.explained_variance_ratio_)
            found = explained, np.zeros_like(explained)
            rows.append("training rows")
        else:
            raise ValueError(
                f"X is None, but {type(one).__name__} has no curve of its own, which "
                "an AutoencoderTransformer with ordered=True has; give X, the rows."
            )
        counts.append(np.arange(1, len(found[0]) + 1))
        shares.append(found[0])
        errors.append(found[1])
        names_of_codes += [name] * len(found[0])
    curves = [
        (one.explained_variance_curve_.pca_explained, "PCA", name)
        for name, one in zip(names, coders, strict=True)
        if is_ordered(one)
    ]
    return {
        "n_components": np.concatenate(counts),
        "explained_variance": np.concatenate(shares),
        "standard_error": np.concatenate(errors),
        "estimator_names": names_of_codes,
        "rows": " or ".join(dict.fromkeys(rows)),
        **_told_apart([curve for curve in curves if np.isfinite(curve[0]).any()]),
    }


def _told_apart(curves):
    """Return PCA's curves and their names without those that a longer one has in it.

    Parameters
    ----------
    curves : list of tuple of (ndarray, str, str)
        Shares, the name of the PCA and that of the estimator which it is beside.
    """
    kept = []
    for shares, name, beside in sorted(curves, key=lambda curve: -len(curve[0])):
        if not any(
            name == other and np.allclose(shares, longer[: len(shares)], 0, ALIKE)
            for longer, other, _ in kept
        ):
            kept.append((shares, name, beside))
    names = [name for _, name, _ in kept]
    return {
        "pca_explained_variance": [shares for shares, _, _ in kept],
        "pca_names": [
            f"{name} beside {beside}" if names.count(name) > 1 else name
            for _, name, beside in kept
        ],
    }


def _is_share(n_components):
    return isinstance(n_components, Real) and not isinstance(n_components, Integral)


def what_was_chosen(coders, names):
    """Return the lengths that ordered estimators hand out, and the shares asked for."""
    ordered = [
        (name, one) for name, one in zip(names, coders, strict=True) if is_ordered(one)
    ]
    targets = {one.n_components for _, one in ordered if _is_share(one.n_components)}
    return {
        "chosen": {name: one.n_components_ for name, one in ordered},
        "targets": sorted(targets),
    }


def curves_of_rows(estimators, names, X):
    """Return a display's parameters from rows: a share for each code."""
    counts, shares, names_of_codes, curves = [], [], [], []
    is_as_given = True
    for name, one in zip(names, estimators, strict=True):
        comparison = Comparison(one, X).of_coder()
        is_as_given = is_as_given and comparison.X is X
        codes = comparison.codes
        rows = comparison.rows
        total = squared_distances(rows).sum()
        if total == 0:
            raise ValueError("X has rows that are all alike: no variance to explain.")
        every = range(1, codes.shape[1] + 1)
        for n_columns in every if is_ordered(comparison.coder) else every[-1:]:
            counts.append(n_columns)
            shares.append(_share(rows, comparison.decode(codes[:, :n_columns]), total))
            names_of_codes.append(name)
        made = (comparison.pca_reconstruction(n_columns) for n_columns in every)
        pca_shares = np.array([_share(rows, each, total) for each in made])
        curves.append((pca_shares, comparison.pca_name, name))
    return {
        "n_components": np.array(counts),
        "explained_variance": np.array(shares),
        "estimator_names": names_of_codes,
        "rows": None if is_as_given else "rows as the autoencoder gets them",
        **_told_apart(curves),
    }


def _share(rows, made, total):
    return 1 - np.nansum((rows - made) ** 2) / total
