"""What pipelines consist of."""

from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae._pipelines import steps_of


def test_steps_are_in_order_without_those_that_do_nothing():
    scaler, inner, last = StandardScaler(), StandardScaler(), PCA()
    nested = make_pipeline(inner, "passthrough")
    assert steps_of(make_pipeline(scaler, nested, None, last)) == [scaler, inner, last]
    assert steps_of(last) == [last]


def test_there_is_always_a_step():
    empty = Pipeline([("nothing", "passthrough")])
    assert steps_of(empty) == [empty]


def test_a_search_is_what_it_found(noise):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), PCA()), {"pca__whiten": [True]}
    )
    assert steps_of(search) == [search]
    search.fit(noise)
    assert steps_of(search) == list(search.best_estimator_)
