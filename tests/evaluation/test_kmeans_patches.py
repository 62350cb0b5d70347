"""Features of k-means on patches agree with a plain reference, and tell kinds of images apart."""

import numpy as np
import pytest

from simclr_utils.evaluation import kmeans_patches as patches
from simclr_utils.evaluation.kmeans_patches import KMeansPatches, fit_kmeans_patches

RANDOM = np.random.default_rng(0)


def reference(image, mean, whitening, centroids):
    """The features of one image `[H, W, C]` in 0..1, patch by patch."""
    height, width, _ = image.shape
    maps = np.zeros((height - 5, width - 5, len(centroids)))
    for top in range(height - 5):
        for left in range(width - 5):
            patch = image[top : top + 6, left : left + 6].reshape(-1)
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10 / 255**2)
            distances = np.linalg.norm((patch - mean) @ whitening - centroids, axis=1)
            maps[top, left] = np.maximum(0, distances.mean() - distances)
    rows, columns = maps.shape[0] // 2, maps.shape[1] // 2
    quadrants = [
        part
        for half in (maps[:rows], maps[rows:])
        for part in (half[:, :columns], half[:, columns:])
    ]
    return np.concatenate([part.mean((0, 1)) for part in quadrants])


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_those_of_the_paper(channels):
    size = 36 * channels
    made = RANDOM.normal(size=size), RANDOM.normal(size=(size, size)), RANDOM.normal(size=(7, size))
    images = RANDOM.integers(0, 256, (3, 12, 11, channels), np.uint8)
    features = KMeansPatches(*made)(images)
    assert features.shape == (3, 28) and features.dtype == np.float32
    for image, row in zip(images, features, strict=True):
        np.testing.assert_allclose(row, reference(image / 255, *made), rtol=1e-3, atol=1e-3)


def test_patches_lie_in_the_images_and_follow_the_seed():
    pool = np.arange(4)[:, None, None, None] * np.ones((4, 9, 9, 2), int)
    cut = patches.random_patches(pool.astype(np.uint8), 40, seed=1)
    assert cut.shape == (40, 72)
    assert set(np.rint(255 * cut).astype(int).ravel()) == {0, 1, 2, 3}
    assert (cut.min(1) == cut.max(1)).all()  # no patch mixes two images
    random = RANDOM.integers(0, 256, (4, 9, 9, 2), np.uint8)
    first, again, other = (patches.random_patches(random, 40, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_whitened_patches_are_uncorrelated():
    blocks = RANDOM.integers(0, 200, (40, 6, 6, 1)).repeat(3, 1).repeat(3, 2)  # neighbors are alike
    pool = (blocks + RANDOM.integers(0, 56, blocks.shape)).astype(np.uint8)
    fitted = fit_kmeans_patches(pool, num_centroids=5)
    cut = patches.normalize_contrast(patches.random_patches(pool, 2000, 3)).numpy()
    raw, white = (
        np.cov(part, rowvar=False)
        for part in (cut, (cut - fitted.mean.numpy()) @ fitted.whitening.numpy())
    )
    off = ~np.eye(36, dtype=bool)
    ratios = [np.abs(part[off]).mean() / np.diag(part).mean() for part in (raw, white)]
    assert ratios[1] < ratios[0] / 2 and fitted.centroids.shape == (5, 36)


def test_images_of_two_kinds_have_different_features():
    rows, columns = np.indices((16, 16))
    kinds = [255 * (rows // 2 % 2), 255 * (columns // 2 % 2)]
    images = np.stack([np.roll(kinds[n % 2], n, (0, 1)) for n in range(40)])[..., None]
    features = fit_kmeans_patches(images.astype(np.uint8), num_centroids=8)(images.astype(np.uint8))
    centers = features[::2].mean(0), features[1::2].mean(0)
    near = np.linalg.norm(features - centers[0], axis=1) < np.linalg.norm(
        features - centers[1], axis=1
    )
    assert near[::2].all() and not near[1::2].any()


def test_large_images_are_scaled_down_and_small_pools_have_fewer_centroids():
    pool = RANDOM.integers(0, 256, (1, 64, 64, 3), np.uint8)
    assert patches.small(pool).shape == (1, 32, 32, 3)
    assert fit_kmeans_patches(pool, 600)(pool).shape == (1, 4 * 25)
