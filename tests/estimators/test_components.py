"""What the columns of a code tell."""

import numpy as np
from sklearn.decomposition import PCA


def test_effects_of_a_kept_pca_are_its_loadings(make_ae, curved):
    model = make_ae(guard=1e-9).fit(curved)
    assert not model.net_.module_.networks_on
    pca = PCA(2).fit(curved)
    deviations = pca.transform(curved).std(axis=0)
    np.testing.assert_allclose(
        model.component_effects(curved),
        np.abs(pca.components_) * deviations[:, np.newaxis],
        rtol=1e-4,
        atol=1e-5,
    )
