"""Features from k-means on patches: learned without labels, and without a network."""

import numpy as np
import tensorflow as tf
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

PATCH = 6
NUM_CENTROIDS = 600
NUM_PATCHES = 100_000
LARGEST = 32  # larger images are scaled down to this size, as those of the probe on pixels are
CONTRAST_FLOOR = 10 / 255**2  # the paper's 10, for pixels in 0..255
WHITENING_FLOOR = 0.1
BATCH_SIZE = 64


class KMeansPatches:
    """Turns images into features: how near each patch is to centroids, summed over quadrants.

    Each patch is normalized to mean 0 and standard deviation 1 and whitened. Its activation for a
    centroid is how much nearer the centroid is than the average one, or 0 (the paper's "triangle").
    The activations are averaged over each quadrant of the image.

    Args:
        mean: Float array `[D]`, the mean of normalized patches.
        whitening: Float array `[D, D]`.
        centroids: Float array `[K, D]`, of whitened patches.

    References:
        Coates, Lee, Ng 2011, "An analysis of single-layer networks in unsupervised feature
        learning".
    """

    def __init__(self, mean: np.ndarray, whitening: np.ndarray, centroids: np.ndarray):
        self.mean = tf.constant(mean, tf.float32)
        self.whitening = tf.constant(whitening, tf.float32)
        self.centroids = tf.constant(centroids, tf.float32)
        self._encode = tf.function(self.encode, reduce_retracing=True)

    def encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns the features `[N, 4 * K]` of float images `[N, H, W, C]` in 0..1."""
        patches = tf.image.extract_patches(
            pixels, [1, PATCH, PATCH, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"
        )
        whitened = (normalize_contrast(patches) - self.mean) @ self.whitening
        return pool_quadrants(triangle(whitened, self.centroids))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the features of images, batch by batch.

        Args:
            images: Uint8 array `[N, H, W, C]`, in memory or memory-mapped.

        Returns:
            A float32 array `[N, 4 * K]`.
        """
        parts = range(0, len(images), BATCH_SIZE)
        return np.concatenate(
            [self._encode(small(images[start : start + BATCH_SIZE])).numpy() for start in parts]
        )


def fit_kmeans_patches(
    pool: np.ndarray, num_centroids: int = NUM_CENTROIDS, seed: int = 0
) -> KMeansPatches:
    """Fits whitening and centroids to random patches of a pool. No label is read.

    Args:
        pool: Uint8 array `[N, H, W, C]`.
        num_centroids: Integer. A small pool gives fewer.
        seed: Integer, the seed of the patches and of k-means.

    Returns:
        A `KMeansPatches`.

    Example:

    >>> features = fit_kmeans_patches(dataset.unlabeled)(dataset.train[0])
    """
    patches = normalize_contrast(random_patches(pool, NUM_PATCHES, seed)).numpy()
    mean = patches.mean(0)
    values, vectors = np.linalg.eigh(np.cov(patches - mean, rowvar=False))
    whitening = (vectors / np.sqrt(np.maximum(values, 0) + WHITENING_FLOOR)) @ vectors.T
    whitened = ((patches - mean) @ whitening).astype(np.float32)
    # On batches this small, several threads wait for each other longer than they compute.
    kmeans = MiniBatchKMeans(
        min(num_centroids, len(whitened) // 2), batch_size=4096, n_init=1, random_state=seed
    )
    with threadpool_limits(1):
        kmeans.fit(whitened)
    return KMeansPatches(mean, whitening, kmeans.cluster_centers_)


def random_patches(pool: np.ndarray, number: int, seed: int = 0) -> np.ndarray:
    """Cuts patches out of random images of a pool, at random places.

    Args:
        pool: Uint8 array `[N, H, W, C]`.
        number: Integer, the number of patches. Each image gives at most fifty.
        seed: Integer.

    Returns:
        A float32 array `[number, 36 * C]` in 0..1.
    """
    random = np.random.default_rng(seed)
    number = min(number, 50 * len(pool))
    rows = np.sort(random.permutation(len(pool))[: min(len(pool), number)])
    each, parts = -(-number // len(rows)), []
    for start in range(0, len(rows), 1024):
        pixels = np.asarray(small(pool[rows[start : start + 1024]]))
        count, height, width, _ = pixels.shape
        for _ in range(each):
            top = random.integers(0, height - PATCH + 1, count)[:, None] + np.arange(PATCH)
            left = random.integers(0, width - PATCH + 1, count)[:, None] + np.arange(PATCH)
            cut = pixels[np.arange(count)[:, None, None], top[:, :, None], left[:, None, :]]
            parts.append(cut.reshape(count, -1))
    return np.concatenate(parts)[:number]


def small(images):
    """Returns uint8 images as float pixels in 0..1, at most 32 pixels high and wide."""
    pixels = tf.cast(images, tf.float32) / 255
    if max(images.shape[1:3]) > LARGEST:
        pixels = tf.image.resize(pixels, (LARGEST, LARGEST), method="area")
    return pixels


def normalize_contrast(patches):
    """Returns patches `[..., D]` with mean 0 and a standard deviation of about 1."""
    centered = patches - tf.reduce_mean(patches, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centered**2, axis=-1, keepdims=True)
    return centered / tf.sqrt(variance + CONTRAST_FLOOR)


def triangle(patches: tf.Tensor, centroids: tf.Tensor) -> tf.Tensor:
    """Computes how much nearer each centroid is to a patch than the average centroid.

    Args:
        patches: Float tensor `[..., D]`.
        centroids: Float tensor `[K, D]`.

    Returns:
        A float tensor `[..., K]`: the mean distance minus the distance, at least 0.
    """
    squares = tf.reduce_sum(patches**2, axis=-1, keepdims=True) + tf.reduce_sum(centroids**2, 1)
    products = tf.tensordot(patches, centroids, [[-1], [1]])
    distances = tf.sqrt(tf.maximum(squares - 2 * products, 0))
    return tf.nn.relu(tf.reduce_mean(distances, axis=-1, keepdims=True) - distances)


def pool_quadrants(maps: tf.Tensor) -> tf.Tensor:
    """Averages maps `[N, H, W, K]` over the four quadrants of the image: `[N, 4 * K]`."""
    rows, columns = (maps.shape[axis] // 2 for axis in (1, 2))
    parts = [
        half
        for top in (maps[:, :rows], maps[:, rows:])
        for half in (top[:, :, :columns], top[:, :, columns:])
    ]
    return tf.concat([tf.reduce_mean(part, axis=(1, 2)) for part in parts], axis=1)
