"""Evaluation of a frozen encoder: features, linear probe, kNN, and intervals for their scores."""

import warnings
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from simclr_utils.evaluation.features import extract_features, pixel_features

# The probe's grid, from strong to weak: the L2 penalty beside the *mean* loss, so that one grid
# suits 100 labels and 10,000.
PENALTIES = tuple(float(penalty) for penalty in np.logspace(1, -4, 11))
# What scikit-learn warns of where there are a thousand classes and two labels of each.
MANY_CLASSES = "The number of unique classes is greater than 50%"


@dataclass(frozen=True)
class LinearProbe:
    """A fitted linear probe: standardisation and a logistic regression, and how it was chosen.

    Attributes:
        scaler: fitted `StandardScaler`.
        classifier: fitted `LogisticRegression`.
        penalty: float, the strength chosen.
        validation_accuracy: float in 0..1, at that strength.
        tried: list of pairs (penalty, validation accuracy), in the order tried.
    """

    scaler: StandardScaler
    classifier: LogisticRegression
    penalty: float
    validation_accuracy: float
    tried: list

    def predict(self, features):
        """Class numbers `[N]` for features `[N, D]`."""
        return self.classifier.predict(self.scaler.transform(features))


def fit_linear_probe(features, labels, validation, refit=False, max_iterations=5000):
    """Fits a linear probe: L2-regularised multinomial logistic regression on frozen features.

    Features are standardised with the training features' mean and spread. The solver, L-BFGS,
    runs to convergence, so that the same features give the same probe. The strength comes from a
    log-spaced grid, walked from strong to weak; the walk ends when three strengths in a row
    score below the best on validation. Ties go to the stronger penalty.

    Args:
        features: float array `[N, D]`.
        labels: int array `[N]`.
        validation: pair of features `[M, D]` and labels `[M]`, on which the strength is chosen.
        refit: bool, whether to fit once more on training and validation data together, at the
            strength chosen. For the last word on "all labels".
        max_iterations: int, after which L-BFGS has failed to converge.

    Returns:
        A `LinearProbe`.

    Raises:
        ValueError: if there are fewer than two classes.
        RuntimeError: if the solver did not converge.

    References:
        Kornblith et al. 2019, "Do better ImageNet models transfer better?", appendix.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"A probe needs two classes or more. Received: {np.unique(labels)}")
    scaler, classifier = StandardScaler().fit(features), None
    scaled, scaled_validation = scaler.transform(features), scaler.transform(validation[0])
    tried, best = [], (None, -1.0)
    for penalty in PENALTIES:
        # Each fit starts where the last one ended: same optimum, fewer iterations.
        classifier = fit_logistic(scaled, labels, penalty, max_iterations, classifier)
        accuracy = float(np.mean(classifier.predict(scaled_validation) == validation[1]))
        tried.append((penalty, accuracy))
        best = max(best, tried[-1], key=lambda pair: pair[1])
        if len(tried) >= 3 and all(accuracy < best[1] for _, accuracy in tried[-3:]):
            break
    if refit:
        features = np.concatenate([features, validation[0]])
        labels = np.concatenate([labels, validation[1]])
        scaler = StandardScaler().fit(features)
        scaled = scaler.transform(features)
    classifier = fit_logistic(scaled, labels, best[0], max_iterations)
    return LinearProbe(scaler, classifier, best[0], best[1], tried)


def fit_logistic(features, labels, penalty, max_iterations, start=None):
    """One L-BFGS fit; `start` is a fitted classifier whose weights it begins with."""
    # scikit-learn's objective: C * (sum of losses) + |weights|^2 / 2.
    classifier = LogisticRegression(
        C=1 / (penalty * len(features)), tol=1e-5, max_iter=max_iterations, warm_start=True
    )
    if start is not None:
        for name in ("classes_", "coef_", "intercept_"):
            setattr(classifier, name, getattr(start, name).copy())
    # On matrices this small, several threads wait for each other longer than they compute.
    with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.filterwarnings("ignore", MANY_CLASSES)
        try:
            return classifier.fit(features, labels)
        except ConvergenceWarning as warning:
            raise RuntimeError(
                f"The probe did not converge in {max_iterations} iterations at penalty "
                f"{penalty:.3g}. Raise `max_iterations`."
            ) from warning


def fit_knn(features, labels, num_neighbors=20, temperature=0.1):
    """Builds a kNN classifier: cosine similarity, votes weighted by exp(similarity / temperature).

    Args:
        features: float array `[N, D]`.
        labels: int array `[N]`.
        num_neighbors: int; at most N are used.
        temperature: float > 0.

    Returns:
        A fitted `sklearn.neighbors.KNeighborsClassifier`.

    References:
        Wu et al. 2018, "Unsupervised feature learning via non-parametric instance
        discrimination".
    """
    knn = KNeighborsClassifier(
        n_neighbors=min(num_neighbors, len(features)),
        metric="cosine",
        algorithm="brute",
        weights=lambda distances: np.exp((1 - distances) / temperature),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", MANY_CLASSES)
        return knn.fit(features, labels)


class PixelKNN:
    """kNN on raw pixels: a classifier of images that needs no training.

    Args:
        images: float array `[N, H, W, C]` in 0..1.
        labels: int array `[N]`.
    """

    def __init__(self, images, labels):
        self.knn = fit_knn(self._flatten(images), labels)

    def predict(self, images):
        """Class numbers `[M]` for float images `[M, H, W, C]` in 0..1."""
        return self.knn.predict(self._flatten(images))

    @staticmethod
    def _flatten(images):
        return pixel_features(np.rint(255 * images).astype(np.uint8))


def knn_accuracy(features, labels, validation, num_neighbors=20, temperature=0.1):
    """Accuracy in 0..1 of `fit_knn` on `validation`, a pair of features and labels."""
    knn = fit_knn(features, labels, num_neighbors, temperature)
    return float(np.mean(knn.predict(validation[0]) == validation[1]))


class KNNMonitor(keras.callbacks.Callback):
    """Measures the encoder's kNN accuracy on validation images while it is being pretrained.

    Writes `knn_accuracy` into the epoch's logs, `None` for an epoch without a measurement, and for
    all of them where there are no labels. List it before callbacks that read it. The labels tell
    how good the features are; they teach the encoder nothing.

    Args:
        encoder: `keras.Model`, images -> features.
        train: pair of uint8 images and int labels, the neighbours.
        validation: a pair likewise, which is scored.
        every: int, epochs between measurements; the last epoch is always measured.
    """

    def __init__(self, encoder, train, validation, every=5):
        super().__init__()
        self.encoder, self.train, self.validation = encoder, train, validation
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        logs["knn_accuracy"] = None
        if (epoch + 1) % self.every and epoch + 1 < self.params["epochs"]:
            return
        if not len(self.train[1]):
            return
        (images, labels), (validation_images, validation_labels) = self.train, self.validation
        features = extract_features(self.encoder, images)
        validation_features = extract_features(self.encoder, validation_images)
        logs["knn_accuracy"] = knn_accuracy(
            features, labels, (validation_features, validation_labels)
        )
