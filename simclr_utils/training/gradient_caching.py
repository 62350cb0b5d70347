"""Gradient caching: the gradient of a large batch in the memory of a small one.

A contrastive loss compares all images of a batch, so the average of the gradients of small batches
is the gradient of another loss, one with fewer negatives. The images meet only in the projections,
however, and projections are small. Gradient caching encodes one microbatch at a time without
keeping activations, takes the gradient of the loss with respect to all projections, and then
encodes each microbatch again to pass its part of that gradient on to the weights.
"""

import tensorflow as tf

from simclr_utils.training.replicas import gather


def cached_gradients(model, images, micro_batch_size):
    """Computes the loss and the gradients of a batch with one microbatch in the encoder at a time.

    The gradients equal those of the whole batch, except for rounding, if no layer mixes images.
    BatchNormalization does mix them: it normalizes each microbatch (all views of its images) by
    itself, and its running statistics are updated once per microbatch.

    Args:
        model: Compiled `SimCLR`.
        images: Uint8 tensor `[N, H, W, C]`.
        micro_batch_size: Integer that divides N.

    Returns:
        A tuple of four: the loss, a scalar tensor; the projections of the first views and those
        of the second views, two tensors `[N, P]`; and the gradients of
        `model.trainable_variables`, a list of tensors, scaled by the optimizer's `scale_loss`.

    Raises:
        ValueError: If the batch does not divide into microbatches.

    References:
        Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited
        setup".
    """
    if images.shape[0] is not None:
        micro_batch_size = min(micro_batch_size, images.shape[0])  # a small pool is one microbatch
    if images.shape[0] is None or images.shape[0] % micro_batch_size:
        raise ValueError(
            f"A batch of {images.shape[0]} images does not divide into microbatches of "
            f"{micro_batch_size}. Choose a micro_batch_size that divides the batch size."
        )
    views = _draw_views(model, images, micro_batch_size)
    projections = _project_without_tape(model, views)
    with tf.GradientTape() as tape:
        tape.watch(projections)
        sides = tf.split(projections, 2 + model.sizes.num_small, axis=1)
        sides = [tf.reshape(side, (images.shape[0], projections.shape[-1])) for side in sides]
        sides = [gather(side) for side in sides]
        loss = model.loss_of_views(sides)
        scaled_loss = model.optimizer.scale_loss(loss)
    cached = tape.gradient(scaled_loss, projections)
    return loss, *sides[:2], _gradients_of_weights(model, views, cached)


def _draw_views(model, images, micro_batch_size):
    """Draws the views of each microbatch.

    Returns:
        A list of tensors `[microbatches, views * micro_batch_size, H, W, C]`, one for each size.
    """
    num_micro, num_sizes = images.shape[0] // micro_batch_size, 1 + (model.sizes.num_small > 0)
    return tf.map_fn(
        model.draw_all_views,
        tf.reshape(images, (num_micro, micro_batch_size, *images.shape[1:])),
        fn_output_signature=[tf.float32] * num_sizes,
        parallel_iterations=1,
    )


def _project_without_tape(model, views):
    """Projects the views of each microbatch, `[microbatches, views * micro_batch_size, P]`.

    The state of the networks is restored afterwards: the second pass has to see the same dropout,
    and only that pass should update the batch statistics.
    """
    state = [variable.value for variable in model.encoder.non_trainable_variables]
    state += [variable.value for variable in model.projection_head.non_trainable_variables]
    before = [tf.identity(variable) for variable in state]
    projections = tf.map_fn(
        lambda some: model.project(some, training=True),
        views,
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)
    return projections


def _gradients_of_weights(model, views, cached):
    """Adds up the gradients of the weights over the microbatches.

    Args:
        model: `SimCLR`.
        views: List of tensors, as `_draw_views` returns it.
        cached: Tensor `[microbatches, views * micro_batch_size, P]`, the gradient of the loss with
            respect to the projections.

    Returns:
        A list of tensors, one for each trainable variable of the model.
    """
    weights = model.trainable_variables

    def add_microbatch(number, *sums):
        with tf.GradientTape() as tape:
            # By the chain rule, the gradient of this number is the gradient of the loss.
            some = model.project([part[number] for part in views], training=True)
            carrier = tf.reduce_sum(some * cached[number])
        gradients = tape.gradient(carrier, weights)
        return number + 1, *[total + part for total, part in zip(sums, gradients, strict=True)]

    _, *gradients = tf.while_loop(
        lambda number, *sums: number < views[0].shape[0],
        add_microbatch,
        (0, *[tf.zeros(weight.shape, weight.dtype) for weight in weights]),
        parallel_iterations=1,
    )
    return gradients
