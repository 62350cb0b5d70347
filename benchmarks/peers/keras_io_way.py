"""Times SimCLR as in the Keras.io example, rewritten with the encoder of this course.

The images are in memory. The views come from Keras' geometric layers and a color layer. There is
one forward pass for each view, the candidates come from the other view only, and a linear probe is
trained in the same step. The files have to be JPEGs of 32x32 pixels; they are decoded before the
clock starts, as in the course. The example: https://keras.io/examples/vision/semisupervised_simclr

With `--plain`, TensorFlow runs with its defaults. Otherwise it runs as in this course, repeatably
and one operation at a time.
"""

from pathlib import Path

from timing import BATCH_SIZE, NUM_WARM_UP, build_parser, report

from simclr_utils.session import start


def main():
    parser = build_parser(__doc__)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if not options.plain:
        start(0, "float32")
    import keras
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    from simclr_utils.study.costs import StepClock
    from simclr_utils.training import networks

    class ColorShift(keras.layers.Layer):
        """Changes the brightness of each image and mixes its channels at random."""

        def call(self, images):
            count = tf.shape(images)[0]
            scale = 1 + tf.random.uniform((count, 1, 1, 1), -0.6, 0.6)
            mixture = scale * tf.eye(3, batch_shape=(1, 1))
            mixture += tf.random.uniform((count, 1, 3, 3), -0.2, 0.2)
            return tf.clip_by_value(tf.matmul(images, tf.tile(mixture, (1, 32, 1, 1))), 0, 1)

    def build_views():
        return keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.RandomFlip("horizontal"),
                keras.layers.RandomTranslation(0.25, 0.25),
                keras.layers.RandomZoom((-0.5, 0.0), (-0.5, 0.0)),
                ColorShift(),
            ]
        )

    class Example(keras.Model):
        def __init__(self):
            super().__init__()
            self.views, self.probe_views = build_views(), build_views()
            self.encoder = networks.build_encoder((32, 32, 3))
            dims = self.encoder.output_shape[-1]
            self.head = networks.build_projection_head(dims, 256, 128)
            self.probe = keras.Sequential([keras.Input((dims,)), keras.layers.Dense(10)])

        def compile(self, contrastive_optimizer, probe_optimizer):
            super().compile()
            self.contrastive_optimizer = contrastive_optimizer
            self.probe_optimizer = probe_optimizer
            self.contrastive_weights = [
                *self.encoder.trainable_weights,
                *self.head.trainable_weights,
            ]
            contrastive_optimizer.build(self.contrastive_weights)
            probe_optimizer.build(self.probe.trainable_weights)

        def contrastive_loss(self, projections_1, projections_2):
            projections_1, projections_2 = (
                tf.math.l2_normalize(side, axis=1) for side in (projections_1, projections_2)
            )
            logits = projections_1 @ tf.transpose(projections_2) / 0.1
            own = tf.range(tf.shape(logits)[0])
            entropy = keras.losses.sparse_categorical_crossentropy
            sides = [
                entropy(own, side, from_logits=True) for side in (logits, tf.transpose(logits))
            ]
            return tf.reduce_mean(sides)

        def train_step(self, data):
            unlabeled, (images, labels) = data
            both = tf.concat([unlabeled, images], axis=0)
            views_1, views_2 = self.views(both, training=True), self.views(both, training=True)
            with tf.GradientTape() as tape:
                sides = [
                    self.head(self.encoder(views, training=True), training=True)
                    for views in (views_1, views_2)
                ]
                loss = self.contrastive_loss(*sides)
            gradients = tape.gradient(loss, self.contrastive_weights)
            self.contrastive_optimizer.apply(gradients, self.contrastive_weights)
            weak = self.probe_views(images, training=True)
            with tf.GradientTape() as tape:
                logits = self.probe(self.encoder(weak, training=False))
                entropy = keras.losses.sparse_categorical_crossentropy
                probe_loss = tf.reduce_mean(entropy(labels, logits, from_logits=True))
            gradients = tape.gradient(probe_loss, self.probe.trainable_weights)
            self.probe_optimizer.apply(gradients, self.probe.trainable_weights)
            return {"loss": loss, "probe_loss": probe_loss}

    paths = sorted(Path(options.images).rglob("*.jpg"))
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    # The example's labeled part is a twentieth of a batch.
    labeled = BATCH_SIZE // 20
    unlabeled = BATCH_SIZE - labeled
    labels = np.random.default_rng(0).integers(0, 10, len(images))
    batches = tf.data.Dataset.zip(
        (
            tf.data.Dataset.from_tensor_slices(images)
            .shuffle(10 * unlabeled)
            .repeat()
            .batch(unlabeled, drop_remainder=True),
            tf.data.Dataset.from_tensor_slices((images, labels))
            .shuffle(10 * labeled)
            .repeat()
            .batch(labeled, drop_remainder=True),
        )
    ).prefetch(tf.data.AUTOTUNE)
    model, clock = Example(), StepClock()
    model.compile(keras.optimizers.Adam(), keras.optimizers.Adam())
    steps = NUM_WARM_UP + options.steps
    model.fit(batches, steps_per_epoch=steps, callbacks=[clock], verbose=0, shuffle=False)
    report(clock.ends)


if __name__ == "__main__":
    main()
