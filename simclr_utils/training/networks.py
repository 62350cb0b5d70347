"""The networks: encoder, projection head, and the classifier of the supervised baseline."""

import functools

import keras
import tensorflow as tf
from keras import layers

from simclr_utils.keras_settings import warn_of_overridden

warn_of_overridden()

HEAD = "logits"  # the name of a classifier's last layer


def build_encoder(image_shape, name="small_cnn", width=None):
    """Builds an encoder without weights from elsewhere.

    Args:
        image_shape: tuple `(height, width, channels)`.
        name: `"small_cnn"`, four convolutions, 0.4 M parameters and 30 MFLOP at 32x32;
            `"small_cnn_wide"`, the same with twice as many channels in the last one, 40 MFLOP: a
            linear probe gets twice the features; or `"resnet18"`, He et al. 2016 (11 M
            parameters), whose stem is one 3x3 convolution for images up to 64 pixels and the
            original 7x7 with pooling above.
        width: int, channels of the first stage; the later ones double them. Default: 32, or 64
            for `resnet18`.

    Returns:
        A `keras.Model`: float `[N, height, width, channels]` in 0..1 -> float32 features
        `[N, 8 * width]`, of `small_cnn_wide` `[N, 16 * width]`.

    Raises:
        ValueError: if the name is unknown or the image smaller than 16 pixels.
    """
    if name not in ENCODERS:
        raise ValueError(f"Unknown encoder {name!r}. Choose from {list(ENCODERS)}.")
    if min(image_shape[:2]) < 16:
        raise ValueError(f"Images must be at least 16x16 pixels. Received: {image_shape}")
    build_body, default_width = ENCODERS[name]
    inputs = keras.Input(image_shape, name="images")
    x = build_body(inputs, width or default_width)
    # Features leave in float32 also under mixed precision: probes and losses need the digits.
    features = layers.GlobalAveragePooling2D(
        data_format="channels_last", dtype="float32", name="features"
    )(x)
    return keras.Model(inputs, features, name=name)


def small_cnn_body(x, width, multiples=(1, 2, 4, 8)):
    for multiple in multiples:
        x = convolution(multiple * width, 3)(x)
        x = max_pooling(2)(x)  # before BN and ReLU: a quarter of the work
        x = layers.ReLU()(batch_normalization()(x))
    return x


def resnet18_body(x, width):
    if x.shape[1] <= 64:
        x = convolution_bn(x, width, 3)
    else:
        x = convolution_bn(x, width, 7, strides=2)
        x = max_pooling(3)(x)
    for stage in range(4):
        for block in range(2):
            x = residual_block(x, width * 2**stage, strides=2 if stage and not block else 1)
    return x


def residual_block(x, filters, strides):
    shortcut = x
    if strides > 1:
        shortcut = convolution(filters, 1, strides)(x)
        shortcut = batch_normalization()(shortcut)
    x = convolution_bn(x, filters, 3, strides)
    x = batch_normalization()(convolution(filters, 3)(x))
    return layers.ReLU()(layers.Add()([x, shortcut]))


def convolution_bn(x, filters, kernel_size, strides=1):
    x = convolution(filters, kernel_size, strides)(x)
    return layers.ReLU()(batch_normalization()(x))


def batch_normalization():
    # Keras' default, 0.99, leaves the running statistics unfinished in trainings of a few hundred
    # steps, and inference with them close to arbitrary.
    return BatchNormalization(momentum=0.9)


def max_pooling(size):
    return layers.MaxPooling2D(size, strides=2, padding="same", data_format="channels_last")


def convolution(filters, kernel_size, strides=1):
    return layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        data_format="channels_last",
        use_bias=False,  # the BatchNormalization that follows has one
        kernel_initializer="he_normal",
    )


# Body and default width of each encoder.
ENCODERS = {
    "small_cnn": (small_cnn_body, 32),
    "small_cnn_wide": (functools.partial(small_cnn_body, multiples=(1, 2, 4, 16)), 32),
    "resnet18": (resnet18_body, 64),
}


def build_projection_head(feature_dim, hidden_dim=256, output_dim=128, num_layers=2):
    """Builds the MLP between the features and the contrastive loss.

    Args:
        feature_dim: int, the encoder's output size.
        hidden_dim: int, units of the hidden layers.
        output_dim: int, size of the projection.
        num_layers: int, 0 (projection = features), 1 (linear) to 3. The paper's is 2.

    Returns:
        A `keras.Model`: `[N, feature_dim]` -> float32 projections `[N, output_dim]`, not
        normalised.

    Raises:
        ValueError: if `num_layers` is not 0, 1, 2 or 3.

    References:
        SimCLR (Chen et al. 2020), section 4.2.
    """
    if num_layers not in (0, 1, 2, 3):
        raise ValueError(f"`num_layers` must be 0, 1, 2 or 3. Received: {num_layers}")
    inputs = x = keras.Input((feature_dim,), name="features")
    for _ in range(num_layers - 1):
        x = layers.Dense(hidden_dim, use_bias=False)(x)
        x = layers.ReLU()(batch_normalization()(x))
    if num_layers:
        x = layers.Dense(output_dim, use_bias=False, dtype="float32", name="projection")(x)
    else:  # Keras 3.12 has no model without a layer
        x = layers.Identity(dtype="float32", name="projection")(x)
    return keras.Model(inputs, x, name="projection_head")


def build_classifier(encoder, num_classes):
    """Puts a linear softmax classifier on an encoder; the two share their weights.

    Args:
        encoder: `keras.Model`, images -> features.
        num_classes: int.

    Returns:
        A `keras.Model`: images `[N, H, W, C]` -> float32 logits `[N, num_classes]`.
    """
    logits = layers.Dense(num_classes, dtype="float32", name=HEAD)(encoder.output)
    return keras.Model(encoder.input, logits, name="classifier")


def as_float32(model):
    """Copies a model with its weights into plain float32 and into layers of Keras alone.

    bfloat16 is many times slower than float32 on processors without it, so that what is saved
    for others is float32; and a file should load where this package is not.

    Args:
        model: functional `keras.Model`.

    Returns:
        A new `keras.Model` with equal weights.
    """

    def rebuild(layer):
        ours = isinstance(layer, BatchNormalization)
        kind = layers.BatchNormalization if ours else type(layer)
        # What is no layer, such as a division, has no dtype of its own.
        dtype = {"dtype": "float32"} if isinstance(layer, layers.Layer) else {}
        return kind.from_config({**layer.get_config(), **dtype})

    copy = keras.models.clone_model(model, clone_function=rebuild)
    copy.set_weights(model.get_weights())
    return copy


@keras.saving.register_keras_serializable(package="simclr_utils")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, whose statistics, scaling and gradient in training are one kernel each.

    Variables, configuration and values are Keras' own, up to rounding. Only training on images
    `[N, H, W, C]`, normalized over their channels with center and scale, differs; everything else,
    `synchronized` and `renorm` included, is left to Keras. Networks are saved with Keras' layer
    in its place, so that a file needs nothing of ours: `networks.as_float32`.
    """

    def call(self, inputs, training=None, mask=None):
        images = len(inputs.shape) == 4 and self.axis in (-1, 3)
        plain = images and self.center and self.scale and not self.synchronized and mask is None
        if not (training and self.trainable and plain) or getattr(self, "renorm", False):
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
        )
        count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), variance.dtype)
        variance *= (count - 1) / count  # the kernel's is that of a sample, Keras keeps the images'
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs
