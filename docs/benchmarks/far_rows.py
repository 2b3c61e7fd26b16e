"""Rows far out of the data: reconstruction errors and densities, against PCA's.

Tables of versus_pca.py on curved data. Of each table's held-out rows one in a hundred,
at least one, is replaced by a row 10 to 1000 standard deviations out, in a random
direction; and errors are followed along rays out of the data, from 1 to 1000 standard
deviations. The picture has the rays of one table, by two versions of the package.

    python docs/benchmarks/far_rows.py [--seeds 2] [--rays after.npz]
    python docs/benchmarks/far_rows.py --picture far_rows.png --of before.npz after.npz
"""

import argparse

import datasets
import numpy as np
import torch
from datasets import directions, with_far_rows
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from versus_pca import has_density

from sklearn_ae import AutoencoderTransformer, VAETransformer

DISTANCES = np.geomspace(1, 1000, 61)
FIRST_FAR = 10
PICTURED = "S curve", 2


def row_errors(model, X):
    reconstructed = model.inverse_transform(model.transform(X))
    return np.square(X - reconstructed).sum(axis=1)


def along_rays(train, rng, n_rays=50):
    rays = directions(train, n_rays, rng)
    return train.mean(axis=0) + DISTANCES[:, None, None] * rays


def compare(table, seed):
    X = table.draw(np.random.RandomState(seed))
    train, test = train_test_split(X, test_size=1 / 3, random_state=seed)
    rng = np.random.RandomState(seed)
    mixed, rays = with_far_rows(test, train, rng), along_rays(train, rng)
    for k in table.sizes:
        pca = PCA(k, random_state=seed).fit(train)
        if has_density(pca, train):
            yield k, pca, train, mixed, rays


def measure(pca, train, mixed, rays, seed):
    k = pca.n_components_
    ae = AutoencoderTransformer(k, random_state=seed).fit(train)
    vae = VAETransformer(k, random_state=seed).fit(train)
    flat = rays.reshape(-1, rays.shape[-1])
    shape = rays.shape[:2]
    errors = row_errors(ae, flat).reshape(shape)
    ratios = errors / row_errors(pca, flat).reshape(shape)
    is_far = DISTANCES >= FIRST_FAR
    falls = np.diff(errors[is_far], axis=0) < 0
    nats = (vae.score_samples(mixed) - pca.score_samples(mixed)) / train.shape[1]
    clipped = np.isfinite(ae.net_.module_.cost.link.bounds).any()
    return {
        "ae is trained": ae.gain_over_pca_ != 0,
        "clipped": bool(clipped),
        "mixed rows": row_errors(ae, mixed).sum() / row_errors(pca, mixed).sum(),
        "largest on rays": ratios[is_far].max(),
        "steps down on rays": falls.mean(),
        "vae mean": nats.mean(),
        "vae worst row times features": nats.min() * train.shape[1],
        "bound": -np.log(len(train) + 1),
    }


def rays_of(pca, train, rays, seed):
    """Return the means over rays, by distance, of errors and of log-likelihoods."""
    k = pca.n_components_
    ae = AutoencoderTransformer(k, random_state=seed).fit(train)
    vae = VAETransformer(k, random_state=seed).fit(train)
    return {
        "pca_errors": [row_errors(pca, far).mean() for far in rays],
        "errors": [row_errors(ae, far).mean() for far in rays],
        "gains": [
            (vae.score_samples(far) - pca.score_samples(far)).min() for far in rays
        ],
        "bound": -np.log(len(train) + 1),
    }


def draw_picture(path, before, after):
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.loglog(DISTANCES, after["pca_errors"], "k--", label="PCA")
    right.axhline(0, color="black", linestyle="--", label="probabilistic PCA")
    for name, found in ("before", before), ("after", after):
        left.loglog(DISTANCES, found["errors"], label=name)
        right.semilogx(DISTANCES, found["gains"], label=name)
    right.axhline(after["bound"], color="gray", linestyle=":", label="bound")
    left.set(title="AutoencoderTransformer", ylabel="mean squared error of a row")
    right.set(title="VAETransformer", ylabel="worst row over probabilistic PCA, nats")
    for ax in left, right:
        ax.set(xlabel="distance in standard deviations")
        ax.legend(frameon=False)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rays", help="file to keep what the picture is made of in")
    parser.add_argument("--picture", help="draw it from the two files of --of")
    parser.add_argument("--of", nargs=2, metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.picture:
        draw_picture(args.picture, *map(np.load, args.of))
        return
    for table in datasets.REPORT:
        if not table.non_linear:
            continue
        for seed in datasets.REPORT_SEEDS[: args.seeds]:
            for k, pca, train, mixed, rays in compare(table, seed):
                found = measure(pca, train, mixed, rays, seed)
                cells = [f"{value:.3f}" for value in list(found.values())[2:]]
                flags = ["trained" if found["ae is trained"] else "PCA kept"]
                flags += ["clipped"] if found["clipped"] else []
                row = [table.name, str(k), str(seed), " ".join(flags), *cells]
                print("|", " | ".join(row), "|", flush=True)
                if args.rays and (table.name, k, seed) == (*PICTURED, 0):
                    np.savez(args.rays, **rays_of(pca, train, rays, seed))


if __name__ == "__main__":
    main()
