"""Classifiers on frozen features: a linear probe, and the nearest neighbors."""

import warnings
from dataclasses import dataclass

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from simclr_utils.data.splits import held_out_folds
from simclr_utils.evaluation.class_weights import weighted_share
from simclr_utils.evaluation.features import extract_features, pixel_features
from simclr_utils.evaluation.predictions import with_argmax

# The grid of the probe, from strong to weak. The L2 penalty is added to the *mean* loss, so that
# one grid suits both 100 and 10,000 labels.
PENALTIES = tuple(float(penalty) for penalty in np.logspace(1, -4, 11))
DEFAULT_PENALTY = PENALTIES[4]  # where too few images can be held out to choose one
TOLERANCE, ROUGH_TOLERANCE = 1e-5, 1e-3  # of a final fit, and of one that compares penalties
HELD_OUT = 1000  # images in all folds together, if there are as many
# scikit-learn's warning for a thousand classes with two labels each.
MANY_CLASSES = "The number of unique classes is greater than 50%"


@dataclass(frozen=True)
class LinearProbe:
    """A fitted linear probe: standardization and a logistic regression, and how it was chosen.

    Attributes:
        scaler: Fitted `StandardScaler`.
        classifier: Fitted `LogisticRegression`.
        penalty: Float, the chosen penalty.
        validation_accuracy: Float in 0..1, the accuracy on validation or held-out data at that
            penalty, or the balanced accuracy if classes have weights. NaN if there were none.
        tried: List of pairs (penalty, accuracy), in the order tried. It is empty if the default
            penalty was taken.
        class_weight: String, a name in `CLASS_WEIGHTS`, how much images of rare classes count.
    """

    scaler: StandardScaler
    classifier: LogisticRegression
    penalty: float
    validation_accuracy: float
    tried: list
    class_weight: str = "none"

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Returns class numbers `[N]` for features `[N, D]`."""
        return self.classifier.predict(self.scaler.transform(features))

    def predict_probabilities(self, features: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns class probabilities `[N, num_classes]` for features `[N, D]`.

        The argmax of each row is what `predict` returns. A class that the probe has not seen has
        probability 0.

        Args:
            features: Float array `[N, D]`.
            num_classes: Integer, the number of classes in the dataset.
        """
        scaled = self.scaler.transform(features)
        return class_probabilities(self.classifier, scaled, num_classes)


class NearestNeighbors(KNeighborsClassifier):
    """scikit-learn's kNN classifier, with a probability for each class of a dataset."""

    def predict_probabilities(self, features: np.ndarray, num_classes: int) -> np.ndarray:
        """Returns class probabilities `[N, num_classes]`, the shares of the weighted votes.

        The argmax of each row is what `predict` returns.
        """
        return class_probabilities(self, features, num_classes)


def class_probabilities(classifier, features, num_classes):
    """Computes the probabilities of a scikit-learn classifier, a column for each class.

    Args:
        classifier: Fitted classifier, which may not have seen every class.
        features: Float array `[N, D]`.
        num_classes: Integer, the number of classes in the dataset.

    Returns:
        A float array `[N, num_classes]`. The argmax of each row is what the classifier predicts.
    """
    probabilities = np.zeros((len(features), num_classes))
    probabilities[:, classifier.classes_] = classifier.predict_proba(features)
    return with_argmax(probabilities, classifier.predict(features))


def fit_linear_probe(
    features: np.ndarray,
    labels: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    max_iterations: int = 5000,
    groups: np.ndarray | None = None,
    class_weight: str = "none",
) -> LinearProbe:
    """Fits a linear probe: L2-regularized multinomial logistic regression on frozen features.

    Features are standardized with the mean and the standard deviation of the training features.
    The solver, L-BFGS, runs to convergence, so that the same features give the same probe. The
    penalty comes from a log-spaced grid, tried from strong to weak. The search ends when three
    penalties in a row score below the best. Ties go to the stronger penalty.

    Without validation data, the penalty is chosen by stratified five-fold cross-validation, and the
    probe is then fitted on everything. Large sets use fewer of the five folds: as many as hold out
    1,000 images. If fewer than half of the images can be held out, because the others are the only
    ones of their class, the penalty is 0.1. With groups, whole groups are held out.

    Args:
        features: Float array `[N, D]`.
        labels: Integer array `[N]`.
        validation: Pair of features `[M, D]` and labels `[M]`, on which the penalty is chosen, or
            `None` for cross-validation.
        max_iterations: Integer, the number of iterations after which L-BFGS has failed.
        groups: Integer array `[N]`, the number of each image's group, or `None`.
        class_weight: String. With "balanced", every class counts equally in the loss and in the
            choice of the penalty; with "none", every image does.

    Returns:
        A `LinearProbe`.

    Raises:
        ValueError: If there are fewer than two classes.
        RuntimeError: If the solver did not converge.

    References:
        Kornblith et al. 2019, "Do better ImageNet models transfer better?", appendix.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(
            f"A probe needs two classes or more. Received: {np.unique(labels)}. Add labeled images "
            "of another class."
        )
    if validation is None:
        splits, tolerance = cross_validation_splits(features, labels, groups), ROUGH_TOLERANCE
    else:
        splits, tolerance = [((features, labels), validation)], TOLERANCE
    options = max_iterations, tolerance, class_weight
    tried = try_penalties(splits, *options) if splits else []
    default = (DEFAULT_PENALTY, float("nan"))
    penalty, accuracy = max(tried, key=lambda pair: pair[1], default=default)
    fitted = fit_scaled(features, labels, penalty, max_iterations, TOLERANCE, class_weight)
    return LinearProbe(*fitted, penalty, accuracy, tried, class_weight)


def fit_scaled(features, labels, penalty, max_iterations, tolerance, class_weight):
    """Returns a fitted `StandardScaler` and the `LogisticRegression` on what it gives."""
    scaler = StandardScaler().fit(features)
    scaled = scaler.transform(features)
    basis = basis_of(scaled)
    fit = (penalty, max_iterations, None, tolerance, class_weight)
    classifier = fit_logistic(rotated(scaled, basis), labels, *fit)
    if basis is not None:  # back to one weight for each feature
        classifier.coef_ = classifier.coef_ @ basis.T
        classifier.n_features_in_ = len(basis)
    return scaler, classifier


def cross_validation_splits(features, labels, groups=None):
    """Returns pairs of training and held-out data, each a pair of features and labels."""
    folds = held_out_folds(labels, HELD_OUT, 0, groups)
    if 2 * sum(map(np.sum, folds)) < min(len(labels), HELD_OUT):
        return []
    return [
        tuple((features[rows], np.asarray(labels)[rows]) for rows in (~fold, fold))
        for fold in folds
    ]


def try_penalties(splits, max_iterations, tolerance, class_weight="none"):
    """Returns the pairs of a penalty and its accuracy on the held-out data of all splits."""
    parts, truth = [], np.concatenate([answers for _, (_, answers) in splits])
    for (features, labels), (held_out, answers) in splits:
        scaler = StandardScaler().fit(features)
        features, held_out = scaler.transform(features), scaler.transform(held_out)
        basis = basis_of(features)
        parts.append((rotated(features, basis), labels, rotated(held_out, basis), answers))
    fits, tried, best = [None] * len(parts), [], -1.0
    for penalty in PENALTIES:
        hits = []
        for place, (features, labels, held_out, answers) in enumerate(parts):
            # Each fit starts where the last one ended: same optimum, fewer iterations.
            options = max_iterations, fits[place], tolerance, class_weight
            fit = fit_logistic(features, labels, penalty, *options)
            hits.append(fit.predict(held_out) == answers)
            fits[place] = fit
        tried.append((penalty, weighted_share(np.concatenate(hits), truth, class_weight)))
        best = max(best, tried[-1][1])
        if len(tried) >= 3 and all(accuracy < best for _, accuracy in tried[-3:]):
            break
    return tried


def basis_of(features):
    """Returns an orthonormal basis `[D, N]` of N features `[N, D]`, or `None` unless N < D.

    The optimal weights of a probe with an L2 penalty lie in the span of the features, and rotation
    does not change their length. So N coordinates give the same probe as D, in less time.
    """
    if len(features) >= features.shape[1]:
        return None
    return np.linalg.qr(features.T)[0]


def rotated(features, basis):
    """Returns features in the coordinates of a basis, or as they are if it is `None`."""
    return features if basis is None else features @ basis


def fit_logistic(
    features, labels, penalty, max_iterations, start=None, tolerance=TOLERANCE, class_weight="none"
):
    """Runs one L-BFGS fit, starting from the weights of the fitted classifier `start`."""
    # scikit-learn's objective: C * (sum of losses) + |weights|^2 / 2.
    classifier = LogisticRegression(
        C=1 / (penalty * len(features)),
        tol=tolerance,
        max_iter=max_iterations,
        warm_start=True,
        class_weight=None if class_weight == "none" else class_weight,
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


def fit_knn(
    features: np.ndarray, labels: np.ndarray, num_neighbors: int = 20, temperature: float = 0.1
) -> NearestNeighbors:
    """Fits a kNN classifier whose votes are weighted by exp(cosine similarity / temperature).

    Args:
        features: Float array `[N, D]`.
        labels: Integer array `[N]`.
        num_neighbors: Integer, the number of neighbors that vote, at most N.
        temperature: Float > 0.

    Returns:
        A `NearestNeighbors`, which is a fitted `sklearn.neighbors.KNeighborsClassifier`.

    References:
        Wu et al. 2018, "Unsupervised feature learning via non-parametric instance
        discrimination".
    """
    knn = NearestNeighbors(
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
        images: Float array `[N, H, W, C]` in 0..1.
        labels: Integer array `[N]`.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self.knn = fit_knn(self._flatten(images), labels)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Returns class numbers `[M]` for float images `[M, H, W, C]` in 0..1."""
        return self.knn.predict(self._flatten(images))

    @staticmethod
    def _flatten(images):
        return pixel_features(np.rint(255 * images).astype(np.uint8))


def knn_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    num_neighbors: int = 20,
    temperature: float = 0.1,
) -> float:
    """Computes the validation accuracy of a kNN classifier.

    Args:
        features: Float array `[N, D]`.
        labels: Integer array `[N]`.
        validation: Pair of features `[M, D]` and labels `[M]`.
        num_neighbors: Integer, as in `fit_knn`.
        temperature: Float > 0, as in `fit_knn`.

    Returns:
        A float in 0..1.
    """
    knn = fit_knn(features, labels, num_neighbors, temperature)
    return float(np.mean(knn.predict(validation[0]) == validation[1]))


class KNNMonitor(keras.callbacks.Callback):
    """Measures the encoder's kNN accuracy on validation images during pretraining.

    Writes `knn_accuracy` into the logs of each epoch: `None` in an epoch without a measurement,
    and in all epochs if there are no labels. List this callback before those that read it. The
    labels only measure how good the features are. The encoder does not learn from them.

    Args:
        encoder: `keras.Model`, images -> features.
        train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`, the neighbors.
        validation: Pair of uint8 images `[M, H, W, C]` and integer labels `[M]` to classify.
        every: Integer, epochs between measurements. The last epoch is always measured.
    """

    def __init__(
        self,
        encoder: keras.Model,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        every: int = 5,
    ):
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
