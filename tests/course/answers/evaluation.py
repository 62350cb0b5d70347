"""Right and wrong answers to the exercises on probes, fine-tuning and comparisons."""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from answers.answer import Answer
from simclr_utils.course import (
    check_folded_layer,
    check_frozen,
    check_head_size,
    check_knobs,
    check_probe,
)


def probe(statistics="train", floor=1e-6, intercept=True, standardize=True):
    def function(features, labels, new_features):
        parts = [features, new_features]
        sources = [features, features if statistics == "train" else new_features]
        if standardize:
            parts = [
                (part - source.mean(axis=0)) / (source.std(axis=0) + floor)
                for part, source in zip(parts, sources, strict=True)
            ]
        classifier = LogisticRegression(fit_intercept=intercept, max_iter=1000)
        return classifier.fit(parts[0], labels).predict(parts[1])

    return function


def by_scikit_learn(classifier):
    return lambda features, labels, new: (
        make_pipeline(StandardScaler(), classifier()).fit(features, labels).predict(new)
    )


def by_gradient_descent(features, labels, new_features):
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    x, targets = (features - mean) / spread, np.eye(labels.max() + 1)[labels]
    weights, bias = np.zeros((x.shape[1], targets.shape[1])), np.zeros(targets.shape[1])
    for _ in range(500):
        logits = x @ weights + bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        errors = shares / shares.sum(axis=1, keepdims=True) - targets
        weights -= x.T @ errors / len(x)
        bias -= errors.mean(axis=0)
    return np.argmax((new_features - mean) / spread @ weights + bias, axis=1)


PROBE = [
    Answer("standardized, logistic regression", (probe(),)),
    Answer("a pipeline of scikit-learn", (by_scikit_learn(LogisticRegression),)),
    Answer("gradient descent", (by_gradient_descent,)),
    Answer("the starting version", (probe(standardize=False, intercept=False),), "with a bias"),
    Answer("not standardized", (probe(standardize=False),), "not standardized"),
    Answer("the new images' statistics", (probe(statistics="new"),), "not with their own"),
    Answer("divided by 0", (probe(floor=0.0),), "spread 0"),
    Answer("no intercept", (probe(intercept=False),), "with a bias"),
    Answer("kNN", (by_scikit_learn(KNeighborsClassifier),), "curved boundaries"),
    Answer("a curved SVM", (by_scikit_learn(SVC),), "curved boundaries"),
    Answer("one class", (lambda features, labels, new: np.zeros(len(new)),), "well separated"),
    Answer("three labels", (lambda features, labels, new: labels[:3],), "one label for each"),
    Answer("scores", (lambda f, labels, new: np.eye(3)[labels],), "one label for each"),
    Answer("nothing", (lambda f, labels, new: None,), "one label for each"),
    Answer("an error", (lambda features: features,), "TypeError"),
]
KNOBS = [
    Answer("2 of 300, no difference", ("no difference", 0.507, 0.5, 300)),
    Answer("60 of 300, better", ("better", 0.7, 0.5, 300)),
    Answer("60 of 300, worse", ("worse", 0.5, 0.7, 300)),
    Answer("equal", ("no difference", 0.5, 0.5, 300)),
    Answer("2 of 300, better", ("better", 0.507, 0.5, 300), "turned round by other images"),
    Answer("2 of 300, worse", ("worse", 0.493, 0.5, 300), "turned round by other images"),
    Answer("60 of 300, no difference", ("no difference", 0.7, 0.5, 300), "more than chance"),
    Answer("mixed up", ("worse", 0.7, 0.5, 300), "mixed up"),
    Answer("another word", ("good", 0.7, 0.5, 300), "the verdict is one of"),
]
HEAD_SIZE = [
    Answer("(features + 1) * classes", (lambda f, c: (f + 1) * c,)),
    Answer("features * classes + classes", (lambda f, c: f * c + c,)),
    Answer("the starting version", (lambda f, c: f * c,), "biases are missing"),
    Answer("one bias", (lambda f, c: f * c + 1,), "a bias of its own"),
    Answer("a bias for each feature", (lambda f, c: f * (c + 1),), "not to a feature"),
    Answer("both", (lambda f, c: (f + 1) * (c + 1),), "to each class only"),
    Answer("a sum", (lambda f, c: f + c,), "multiply"),
    Answer("a sum with biases", (lambda f, c: f + 2 * c,), "multiply features by classes"),
    Answer("ten classes", (lambda f, c: (f + 1) * 10,), "that the function is given"),
    Answer("a constant", (lambda f, c: 1290 + 0 * c - 1,), "none of the usual"),
    Answer("an error", (lambda f: f,), "TypeError"),
]


def joined(encoder, head, **options):
    inputs = keras.Input(encoder.input_shape[1:])
    return keras.Model(inputs, head(encoder(inputs, **options)))


def frozen(encoder, head):
    encoder.trainable = False
    return joined(encoder, head)


def frozen_afterwards(encoder, head):
    model = joined(encoder, head)
    encoder.trainable = False
    return model


def frozen_by_layers(encoder, head):
    for layer in encoder.layers:
        layer.trainable = False
    return keras.Sequential([keras.Input(encoder.input_shape[1:]), encoder, head])


class StoppedGradient(keras.Model):
    def __init__(self, encoder, head):
        super().__init__()
        self.encoder, self.head = encoder, head

    def call(self, images):
        return self.head(keras.ops.stop_gradient(self.encoder(images, training=False)))


def stopped_in_training_mode(encoder, head):
    inputs = keras.Input(encoder.input_shape[1:])
    return keras.Model(inputs, head(keras.ops.stop_gradient(encoder(inputs, training=True))))


def only_convolutions_frozen(encoder, head):
    encoder.layers[0].trainable = False
    return joined(encoder, head)


def affine_left(encoder, head):
    encoder.layers[0].trainable = False
    return joined(encoder, head, training=False)


def all_frozen(encoder, head):
    model = joined(encoder, head)
    model.trainable = False
    return model


def head_frozen(encoder, head):
    head.trainable = False
    return joined(encoder, head)


FROZEN = [
    Answer("`trainable = False`, then joined", (frozen,)),
    Answer("joined, then `trainable = False`", (frozen_afterwards,)),
    Answer("layer by layer", (frozen_by_layers,)),
    Answer("`stop_gradient` and `training=False`", (StoppedGradient,)),
    Answer("the starting version", (joined,), "kernels and batch statistics move"),
    Answer(
        "`training=False` only",
        (lambda encoder, head: joined(encoder, head, training=False),),
        "the encoder's",
    ),
    Answer("convolutions only", (only_convolutions_frozen,), "learns its scale and offset"),
    Answer("convolutions, `training=False`", (affine_left,), "learns its scale and offset"),
    Answer("`stop_gradient` only", (stopped_in_training_mode,), "but the batch statistics"),
    Answer("all frozen", (all_frozen,), "nothing moves"),
    Answer("head frozen", (head_frozen,), "the head has to learn"),
    Answer("encoder alone", (lambda encoder, head: encoder,), "compute head(encoder(images))"),
    Answer("no model", (lambda encoder, head: None,), "expected a keras.Model"),
    Answer("an error", (lambda encoder, head: 1 / 0,), "ZeroDivisionError"),
]


def folded(sign=-1, mean_through="kernel", power=-1, intercept_too=True, shape=lambda k: k):
    def function(weights, intercept, mean, spread):
        kernel = weights * spread[:, None] ** power
        shift = sign * mean @ (kernel if mean_through == "kernel" else weights)
        return shape(kernel), intercept * intercept_too + shift

    return function


LAYER = [
    Answer("kernel and bias", (folded(),)),
    Answer("the starting version", (lambda w, c, mean, spread: (w, c),), "is missing"),
    Answer("no mean", (folded(sign=0),), "mean is missing"),
    Answer("mean through the weights", (folded(mean_through="weights"),), "the folded kernel"),
    Answer("mean added", (folded(sign=1),), "you add it"),
    Answer("times the spread", (folded(power=1),), "you multiply"),
    Answer("divided twice", (folded(power=-2),), "once, not twice"),
    Answer("no spread", (folded(power=0),), "the spread is missing"),
    Answer("no intercept", (folded(intercept_too=False),), "the intercept is missing"),
    Answer("transposed", (folded(shape=lambda kernel: kernel.T),), "yours is [C, D]"),
    Answer("two rows", (folded(shape=lambda kernel: kernel[:2]),), "return a kernel"),
    Answer("something else", (lambda w, c, mean, spread: (w * 7, c),), "none of the usual"),
    Answer("an error", (lambda w: w,), "TypeError"),
]
TRIED = {
    check_probe: PROBE,
    check_knobs: KNOBS,
    check_head_size: HEAD_SIZE,
    check_frozen: FROZEN,
    check_folded_layer: LAYER,
}
