"""Gradient caching: the gradient of a large batch in the memory of a small one.

NT-Xent couples all images of a batch, so that adding up the gradients of small batches is another
loss with fewer negatives. Its coupling passes through the projections alone, though, and those are
small. So: encode microbatch by microbatch without a tape, take the gradient of the loss with
respect to all projections, then encode each microbatch again with a tape and carry that gradient
on to the weights.

References:
    Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup".
"""

import tensorflow as tf


def cached_gradients(model, images, micro_batch_size):
    """The step of `SimCLR` on a batch, of which one microbatch is in the encoder at a time.

    Equal to the plain gradient up to rounding, if no layer mixes images. BatchNormalization does:
    its batch is the microbatch then (both views of its images), which makes it another model, and
    its running statistics move once a microbatch.

    Args:
        model: a compiled `SimCLR`.
        images: uint8 tensor `[N, H, W, C]`.
        micro_batch_size: int, a divisor of N.

    Returns:
        The loss, a scalar; projections of both views, two tensors `[N, D]`; and the gradients of
        `model.trainable_variables`, scaled as the optimizer's `scale_loss` says.

    Raises:
        ValueError: if the batch does not fall into whole microbatches.
    """
    if images.shape[0] is not None:
        micro_batch_size = min(micro_batch_size, images.shape[0])  # a small pool is one microbatch
    if images.shape[0] is None or images.shape[0] % micro_batch_size:
        raise ValueError(
            f"A batch of {images.shape[0]} images does not fall into microbatches of "
            f"{micro_batch_size}. Choose a micro_batch_size that divides the batch size."
        )
    num_micro = images.shape[0] // micro_batch_size
    micro_images = tf.reshape(images, (num_micro, micro_batch_size, *images.shape[1:]))
    views = tf.map_fn(
        lambda some: tf.concat([model.augmenter(some), model.augmenter(some)], axis=0),
        micro_images,
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )

    def encode(some_views):
        return model.projection_head(model.encoder(some_views, training=True), training=True)

    # Both passes have to see the same dropout, and the second alone is to move the statistics.
    state = [variable.value for variable in model.encoder.non_trainable_variables]
    state += [variable.value for variable in model.projection_head.non_trainable_variables]
    before = [tf.identity(variable) for variable in state]
    projections = tf.map_fn(
        encode, views, fn_output_signature=tf.float32, parallel_iterations=1
    )  # [num_micro, 2 * micro_batch_size, D]
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        sides = tf.split(projections, 2, axis=1)
        sides = [tf.reshape(side, (images.shape[0], projections.shape[-1])) for side in sides]
        loss = model.contrastive_loss(*sides)
        scaled_loss = model.optimizer.scale_loss(loss)
    cached = tape.gradient(scaled_loss, projections)
    weights = model.trainable_variables

    def add_microbatch(number, *sums):
        with tf.GradientTape() as tape:
            # A number whose gradient is that of the loss, by the chain rule.
            carrier = tf.reduce_sum(encode(views[number]) * cached[number])
        gradients = tape.gradient(carrier, weights)
        return number + 1, *[total + part for total, part in zip(sums, gradients, strict=True)]

    _, *gradients = tf.while_loop(
        lambda number, *sums: number < num_micro,
        add_microbatch,
        (0, *[tf.zeros(weight.shape, weight.dtype) for weight in weights]),
        parallel_iterations=1,
    )
    return loss, *sides, gradients
