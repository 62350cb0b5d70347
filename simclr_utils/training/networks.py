"""The networks of a run: encoders by name, the projection head, the classifier."""

import functools
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.training.replicas import moments
from simclr_utils.views.replica_draws import num_replicas

warn_of_overridden()

HEAD = "logits"  # the name of a classifier's last layer


def build_encoder(
    image_shape: Sequence[int], name: str = "small_cnn", width: int | None = None
) -> keras.Model:
    """Builds an encoder with random weights.

    The encoders are:

    - `"small_cnn"` has four convolutions (0.4 million parameters, 30 MFLOP per image of 32x32
      pixels).
    - `"small_cnn_wide"` is the same network with twice as many channels in the last convolution
      (40 MFLOP), so that a linear probe gets twice as many features.
    - `"resnet18"` is the network of He et al. 2016 (11 million parameters). Its stem is one 3x3
      convolution for images up to 64 pixels high, and the original 7x7 convolution with pooling
      for larger images.

    Any other `keras.Model` from images to features may be used as an encoder as well.

    Args:
        image_shape: Tuple `(height, width, channels)`. Height and width are at least 16.
        name: String, one of `"small_cnn"`, `"small_cnn_wide"` and `"resnet18"`.
        width: Integer, the number of channels of the first stage; each later stage has twice the
            channels of the one before. By default 32, and 64 for `"resnet18"`.

    Returns:
        A `keras.Model`: float images `[N, height, width, channels]` in [0, 1] -> float32 features
        `[N, D]`. D is `8 * width`, and `16 * width` for `"small_cnn_wide"`.

    Raises:
        ValueError: If the name is unknown, or the images are smaller than 16x16 pixels.

    Example:

    >>> encoder = build_encoder((32, 32, 3), "small_cnn", width=16)
    >>> encoder.output_shape
    (None, 128)

    References:
        He et al. 2016, "Deep residual learning for image recognition".
    """
    if name not in ENCODERS:
        raise ValueError(f"Unknown encoder {name!r}. Choose from {list(ENCODERS)}.")
    if min(image_shape[:2]) < 16:
        raise ValueError(f"Images must be at least 16x16 pixels. Received: {image_shape}")
    build_body, default_width = ENCODERS[name]
    inputs = keras.Input(image_shape, name="images")
    x = build_body(inputs, width or default_width)
    # Features are float32 even under mixed precision: probes and losses need the digits.
    features = layers.GlobalAveragePooling2D(
        data_format="channels_last", dtype="float32", name="features"
    )(x)
    return keras.Model(inputs, features, name=name)


def build_projection_head(
    feature_dim: int, hidden_dim: int = 256, output_dim: int = 128, num_layers: int = 2
) -> keras.Model:
    """Builds the multilayer perceptron between the features and the contrastive loss.

    Args:
        feature_dim: Integer, the size of the encoder's features.
        hidden_dim: Integer, the number of units in the hidden layers.
        output_dim: Integer, the size of the projections.
        num_layers: Integer from 0 to 3. With 0, the projections are the features; with 1, the head
            is linear. The paper's head has 2 layers.

    Returns:
        A `keras.Model`: float features `[N, feature_dim]` -> float32 projections
        `[N, output_dim]`, not normalized.

    Raises:
        ValueError: If `num_layers` is not 0, 1, 2 or 3.

    Example:

    >>> head = build_projection_head(encoder.output_shape[-1], hidden_dim=256, output_dim=128)

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 4.2.
    """
    if num_layers not in (0, 1, 2, 3):
        raise ValueError(f"`num_layers` must be 0, 1, 2 or 3. Received: {num_layers}")
    sizes = (*[hidden_dim] * (num_layers - 1), output_dim) if num_layers else ()
    return head_of_sizes(feature_dim, sizes)


def head_of_sizes(feature_dim: int, sizes: Sequence[int]) -> keras.Model:
    """Builds a projection head from the sizes of its layers, as in `Config.projection_dims`.

    Args:
        feature_dim: Integer, the size of the encoder's features.
        sizes: Integers, the number of units of each layer. The last is the size of the
            projections. Without any, the projections are the features.

    Returns:
        A `keras.Model`, as `build_projection_head` returns it.
    """
    inputs = x = keras.Input((feature_dim,), name="features")
    for size in sizes[:-1]:
        x = layers.Dense(size, use_bias=False)(x)
        x = layers.ReLU()(_batch_normalization()(x))
    if sizes:
        x = layers.Dense(sizes[-1], use_bias=False, dtype="float32", name="projection")(x)
    else:  # Keras 3.12 has no model without a layer
        x = layers.Identity(dtype="float32", name="projection")(x)
    return keras.Model(inputs, x, name="projection_head")


def build_classifier(encoder, num_classes):
    """Builds a linear softmax classifier on top of an encoder, with which it shares weights.

    Args:
        encoder: `keras.Model`, images -> features.
        num_classes: Integer, the number of classes.

    Returns:
        A `keras.Model`: images `[N, H, W, C]` -> float32 logits `[N, num_classes]`.
    """
    logits = layers.Dense(num_classes, dtype="float32", name=HEAD)(encoder.output)
    return keras.Model(encoder.input, logits, name="classifier")


def copied(model):
    """Returns a copy of a functional model, with weights of its own that have the same values."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def as_float32(model: keras.Model) -> keras.Model:
    """Copies a model and its weights to float32, with layers of Keras only.

    A stored encoder should be fast on processors without bfloat16, and should load where this
    package is not installed.

    Args:
        model: Functional `keras.Model`.

    Returns:
        A new `keras.Model` with the same weights.
    """

    def rebuild(layer):
        if isinstance(layer, keras.Model):  # of an encoder from elsewhere
            return type(layer).from_config(layer.get_config())
        ours = isinstance(layer, BatchNormalization)
        kind = layers.BatchNormalization if ours else type(layer)
        # An operation that is not a layer, such as a division, has no dtype of its own.
        changes = {"dtype": "float32"} if isinstance(layer, layers.Layer) else {}
        if kind is layers.BatchNormalization:
            changes["synchronized"] = False  # that was for training on several devices
        return kind.from_config({**layer.get_config(), **changes})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy


def _small_cnn_body(x, width, multiples=(1, 2, 4, 8)):
    for multiple in multiples:
        x = _convolution(multiple * width, 3)(x)
        x = _max_pooling(2)(x)  # before BN and ReLU: a quarter of the work
        x = layers.ReLU()(_batch_normalization()(x))
    return x


def _resnet18_body(x, width):
    if x.shape[1] <= 64:
        x = _convolution_bn(x, width, 3)
    else:
        x = _convolution_bn(x, width, 7, strides=2)
        x = _max_pooling(3)(x)
    for stage in range(4):
        for block in range(2):
            x = _residual_block(x, width * 2**stage, strides=2 if stage and not block else 1)
    return x


# The function that builds the body of each encoder, and its default width.
ENCODERS = {
    "small_cnn": (_small_cnn_body, 32),
    "small_cnn_wide": (functools.partial(_small_cnn_body, multiples=(1, 2, 4, 16)), 32),
    "resnet18": (_resnet18_body, 64),
}


def _residual_block(x, filters, strides):
    shortcut = x
    if strides > 1:
        shortcut = _convolution(filters, 1, strides)(x)
        shortcut = _batch_normalization()(shortcut)
    x = _convolution_bn(x, filters, 3, strides)
    x = _batch_normalization()(_convolution(filters, 3)(x))
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _convolution_bn(x, filters, kernel_size, strides=1):
    x = _convolution(filters, kernel_size, strides)(x)
    return layers.ReLU()(_batch_normalization()(x))


def _convolution(filters, kernel_size, strides=1):
    return layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        data_format="channels_last",
        use_bias=False,  # the BatchNormalization that follows has one
        kernel_initializer="he_normal",
    )


def _max_pooling(size):
    return layers.MaxPooling2D(size, strides=2, padding="same", data_format="channels_last")


def _batch_normalization():
    # With Keras' default momentum, 0.99, the running statistics are still far from the data's
    # after a few hundred steps.
    return BatchNormalization(momentum=0.9)


@keras.saving.register_keras_serializable(package="simclr_utils")
class BatchNormalization(keras.layers.BatchNormalization):
    """Computes what Keras' layer computes, with one fused kernel for each pass in training.

    Variables, configuration and values are those of Keras, except for rounding. The layer uses
    the fused kernel only in training on images `[N, H, W, C]` that are normalized over their
    channels with center and scale. On several replicas, with `synchronized`, it uses the
    statistics of all of them. It leaves everything else to Keras, including `renorm`. `as_float32`
    replaces it with Keras' layer before a network is stored.
    """

    def call(self, inputs, training=None, mask=None):
        plain = self.center and self.scale and mask is None and not getattr(self, "renorm", False)
        plain = plain and self.axis in (-1, len(inputs.shape) - 1)
        normalize = None
        if training and self.trainable and plain:
            if self.synchronized and num_replicas() > 1:
                normalize = self._on_all_replicas
            elif not self.synchronized and len(inputs.shape) == 4:
                normalize = self._fused
        if normalize is None:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = normalize(inputs)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs

    def _on_all_replicas(self, inputs):
        """Normalizes with the mean and the variance of all replicas, and returns all three."""
        values = tf.cast(inputs, tf.float32)
        mean, variance = moments(values)
        weights = (tf.convert_to_tensor(self.beta), tf.convert_to_tensor(self.gamma))
        outputs = tf.nn.batch_normalization(values, mean, variance, *weights, self.epsilon)
        return tf.cast(outputs, inputs.dtype), mean, variance

    def _fused(self, inputs):
        """Normalizes with the mean and the variance of this device, and returns all three."""
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), variance.dtype)
        # The kernel divides by count - 1, Keras by count.
        return outputs, mean, variance * ((count - 1) / count)
