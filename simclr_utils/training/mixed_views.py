"""Contrastive pretraining on mixtures of two views, with mixed positives."""

from typing import Any

import keras
import tensorflow as tf

from simclr_utils.training.simclr import SimCLR
from simclr_utils.views.replica_draws import num_replicas


class MixedSimCLR(SimCLR):
    """SimCLR whose first views are mixtures of the views of two images.

    A mixture has a share `s` of its own image and `1 - s` of its partner's. So has its positive:
    the loss is `s` times the loss with the second views in their order, plus `1 - s` times the loss
    in which each mixture's positive is the second view of its partner. With `s = 1` it is the loss
    of `SimCLR`, whichever that is.

    The larger share belongs to the own image, as in i-Mix: `s` is the larger one of `x` and
    `1 - x`, where `x` is drawn from a Beta distribution. It is drawn once for each step, as in
    Un-Mix, so that any loss of two batches can be mixed; i-Mix draws it for each image. Partners
    are the images of the batch in reverse order. With microbatches, they are those of the
    microbatch; with several replicas, those of the replica. The batches are shuffled, so partners
    are random.

    Only training steps mix. Calls and validation have the views as they are.

    Args:
        *args: Arguments of `SimCLR`.
        alpha: Float above 0, both parameters of the Beta distribution. At 1 `x` is uniform; at
            lower values one of the two images dominates.
        seed: Integer, the seed of the shares. Together with the step it determines a share.
        **kwargs: Arguments of `SimCLR`.

    Attributes:
        own_share: Scalar tensor, `s` of the present training step. `None` outside of one.

    Raises:
        ValueError: If `alpha` is not above 0, a microbatch has only one image, or there are small
            views.

    Example:

    >>> model = MixedSimCLR(augmenter, encoder, head, temperature=0.2, alpha=1.0, seed=0)

    References:
        Lee et al. 2021, "i-Mix: a domain-agnostic strategy for contrastive representation
        learning".
        Shen et al. 2022, "Un-Mix: rethinking image mixtures for unsupervised visual
        representation learning".
    """

    def __init__(self, *args: Any, alpha: float = 1.0, seed: int | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not alpha > 0:
            raise ValueError(f"`alpha` must be above 0; `SimCLR` does not mix. Received: {alpha}")
        if self.micro_batch_size == 1:
            raise ValueError(
                "A microbatch of one image has no partner to mix with. Choose a `micro_batch_size` "
                "of 2 or more. Received: 1"
            )
        if self.sizes.num_small:
            raise ValueError(
                "A small view shows one image, and a mixture shows two. Leave out the small views "
                f"of `sizes`, or use `SimCLR`. Received: num_small={self.sizes.num_small}"
            )
        self.alpha = alpha
        self.share_seed = keras.random.SeedGenerator(seed)
        self.own_share = None

    def train_step(self, images: tf.Tensor) -> dict:
        """Updates the weights once with mixed views, and returns the metrics so far.

        Args:
            images: Uint8 tensor `[N, H, W, C]`.

        Returns:
            A dict from the names of the metrics to scalar tensors. An anchor counts as right if it
            is most similar to the second view of the image that has the larger share.
        """
        drawn = keras.random.beta((), self.alpha, self.alpha, seed=self.share_seed)
        self.own_share = tf.maximum(drawn, 1 - drawn)
        try:
            return super().train_step(images)
        finally:
            self.own_share = None

    def draw_views(self, images: tf.Tensor) -> tf.Tensor:
        """Draws two views of each image, and mixes the first ones during a training step.

        Args:
            images: Uint8 tensor or array `[N, H, W, C]`, a batch or a microbatch.

        Returns:
            A float32 tensor `[2N, H, W, C]`, as `SimCLR.draw_views` returns it.
        """
        views = super().draw_views(images)
        if self.own_share is None:
            return views
        first, second = tf.split(views, 2)
        first = self.own_share * first + (1 - self.own_share) * tf.reverse(first, [0])
        return tf.concat([first, second], axis=0)

    def contrastive_loss(self, projections_1: tf.Tensor, projections_2: tf.Tensor) -> tf.Tensor:
        """Computes the loss of a batch; during a training step, that with mixed positives.

        Args:
            projections_1: Float tensor `[N, P]`, of the first views.
            projections_2: Float tensor `[N, P]`, of the second views.

        Returns:
            A scalar tensor.
        """
        loss = super().contrastive_loss(projections_1, projections_2)
        if self.own_share is None:
            return loss
        group = self.micro_batch_size  # the images that were mixed together
        if num_replicas() > 1:
            on_replica = projections_2.shape[0] // num_replicas()
            group = min(group or on_replica, on_replica)
        partners = in_reverse(projections_2, group)
        partner_loss = super().contrastive_loss(projections_1, partners)
        share = tf.cast(self.own_share, loss.dtype)
        return share * loss + (1 - share) * partner_loss


def in_reverse(rows, group_size=None):
    """Returns rows `[N, P]` in reverse order, each group of `group_size` rows by itself."""
    if group_size is None or group_size >= rows.shape[0]:
        return tf.reverse(rows, [0])
    groups = tf.reshape(rows, (-1, group_size, rows.shape[1]))
    return tf.reshape(tf.reverse(groups, [1]), tf.shape(rows))
