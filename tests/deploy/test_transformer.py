"""`SimCLREncoder` keeps the rules of scikit-learn, and learns in a pipeline."""

import pickle

import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from simclr_utils.deploy.transformer import SimCLREncoder
from simclr_utils.training import networks


@pytest.fixture
def small_body(monkeypatch):
    """An encoder of one layer in the place of `small_cnn`: the checks fit it sixty times."""

    def body(x, width):
        return layers.Conv2D(2, 4, strides=4, activation="relu")(x)

    monkeypatch.setitem(networks.ENCODERS, "small_cnn", (body, 2))


# The rules do not depend on the number of steps, and each training traces a graph of its own.
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SimCLREncoder(steps=0, random_state=0)])
def test_rules_of_scikit_learn(estimator, check, small_body):
    check(estimator)


def some_images(count=12, channels=3):
    shape = (count, 16, 16, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.filterwarnings("ignore:Even though")  # of tf.data, which does not run eagerly
def test_it_learns_in_a_pipeline_and_a_grid_search():
    images, labels = some_images(24), np.arange(24) % 2
    encoder = SimCLREncoder(width=2, steps=1, batch_size=12, random_state=0)
    pipeline = Pipeline([("encode", encoder), ("classify", LogisticRegression())])
    once = ShuffleSplit(1, test_size=0.5, random_state=0)
    search = GridSearchCV(pipeline, {"encode__temperature": [0.2]}, cv=once, refit=False)
    tf.config.run_functions_eagerly(True)
    try:
        search.fit(images, labels)
        fitted = clone(encoder).fit(images)
    finally:
        tf.config.run_functions_eagerly(False)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(fitted.loss_curve_) == 1 and fitted.image_shape_ == (16, 16, 3)
    start = clone(encoder).set_params(steps=0).fit(images)
    assert not np.allclose(start.transform(images), fitted.transform(images))
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(images), fitted.transform(images))
    assert fitted.get_feature_names_out()[-1] == "simclrencoder15"


def test_flat_images_need_a_shape_or_become_squares(small_body):
    images = some_images()
    flat = images.reshape(len(images), -1)
    whole = SimCLREncoder(steps=0, random_state=0).fit(images)
    shaped = SimCLREncoder((16, 16, 3), steps=0, random_state=0).fit(flat)
    np.testing.assert_array_equal(whole.transform(images), shaped.transform(flat))
    squares = SimCLREncoder(steps=0, random_state=0).fit(flat)
    assert squares.image_shape_ == (28, 28, 1)
    gray = SimCLREncoder(steps=0, random_state=0).fit(images[..., 0])
    assert gray.image_shape_ == (16, 16, 1)
    with pytest.raises(ValueError, match="has 256 values, and X has 768 features"):
        SimCLREncoder((16, 16, 1), steps=0).fit(flat)
    with pytest.raises(ValueError, match="fitted on images of shape"):
        gray.transform(images)


def test_values_of_any_range_are_mapped_as_in_fit(small_body):
    images = some_images()
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    expected = SimCLREncoder(steps=0, random_state=0).fit(images).transform(images)
    deep = SimCLREncoder(steps=0, random_state=0).fit(images.astype(np.uint16) * 100 + 7)
    assert deep.value_range_ == (7, 25507)
    np.testing.assert_array_equal(deep.transform(images.astype(np.uint16) * 100 + 7), expected)
    brighter = deep.transform(np.full((1, 16, 16, 3), 60_000, np.uint16))
    white = deep.transform(np.full((1, 16, 16, 3), 25_507, np.uint16))
    np.testing.assert_array_equal(brighter, white)


def test_the_random_states_of_others_stay(small_body):
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    SimCLREncoder(steps=0, random_state=0).fit(some_images())
    assert np.random.rand() == expected
