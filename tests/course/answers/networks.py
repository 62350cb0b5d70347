"""Right and wrong answers to the exercises on encoders, similarities and heads."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from answers.answer import Answer
from simclr_utils.course import check_cosine, check_growth, check_head
from simclr_utils.training import build_projection_head

GROWTH = [
    Answer("4 and 1", (4, 1)),
    Answer("3.95 and 1.0", (3.95, 1.0)),
    Answer("2 and 1", (2, 1), "for the width: a kernel has input *and* output channels"),
    Answer("16 and 1", (16, 1), "a kernel stays 3 x 3"),
    Answer("8 and 1", (8, 1), "only two of the four numbers"),
    Answer("1 and 1", (1, 1), "more channels need more weights"),
    Answer("4 and 4", (4, 4), "for the side: a kernel is moved over the image"),
    Answer("4 and 2", (4, 2), "is not in a kernel's shape"),
    Answer("words", ("four", 1), "write a number"),
]


def unit(rows, axis=1):
    return rows / np.linalg.norm(rows, axis=axis, keepdims=True)


def pairwise(change=unit, first_too=True, second_too=True, last=lambda cosines: cosines):
    def function(first, second):
        first = change(first) if first_too else first
        return last(first @ (change(second) if second_too else second).T)

    return function


def keras_loss(first, second):
    return keras.losses.cosine_similarity(first[:, None], second[None], axis=-1)


COSINE = [
    Answer("rows of length 1, multiplied", (pairwise(),)),
    Answer(
        "TensorFlow",
        (lambda a, b: tf.matmul(*(tf.nn.l2_normalize(x, 1) for x in (a, b)), transpose_b=True),),
    ),
    Answer(
        "einsum, divided by both lengths",
        (
            lambda a, b: (
                np.einsum("id,jd->ij", a, b)
                / np.linalg.norm(a, axis=1)[:, None]
                / np.linalg.norm(b, axis=1)
            ),
        ),
    ),
    Answer(
        "two loops",
        (lambda a, b: [[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in b] for x in a],),
    ),
    Answer("no length 1", (pairwise(lambda rows: rows),), "not normalized"),
    Answer("first only", (pairwise(second_too=False),), "only the first array"),
    Answer("second only", (pairwise(first_too=False),), "only the second array"),
    Answer("columns", (pairwise(lambda rows: unit(rows, 0)),), "normalize each row"),
    Answer("whole array", (pairwise(lambda r: r / np.linalg.norm(r)),), "divided by one number"),
    Answer(
        "squared lengths",
        (pairwise(lambda rows: rows / (rows**2).sum(axis=1, keepdims=True)),),
        "squared length",
    ),
    Answer("the Keras loss", (keras_loss,), "the sign is that of the Keras loss"),
    Answer("distance", (pairwise(last=lambda cosines: 1 - cosines),), "1 minus the cosine"),
    Answer("angle", (pairwise(last=np.arccos),), "this is the angle"),
    Answer("absolute value", (pairwise(last=np.abs),), "sign of the cosine is lost"),
    Answer(
        "Euclid",
        (lambda a, b: np.linalg.norm(a[:, None] - b, axis=-1),),
        "Euclidean distance",
    ),
    Answer("transposed", (lambda a, b: pairwise()(b, a),), "rows and columns are exchanged"),
    Answer("row by row", (lambda a, b: (unit(a) * unit(b[:3])).sum(axis=1),), "return every pair"),
    Answer("ones", (lambda a, b: np.ones((3, 4)),), "none of the usual"),
    Answer("an error", (lambda a, b: a @ b,), "ValueError"),
]


def dense(units, **options):
    return layers.Dense(units, **{"use_bias": False, **options})


def stack(*make):
    """Builds a head from functions that make a layer each."""
    return lambda feature_dim: keras.Sequential(
        [keras.Input((feature_dim,)), *(part() for part in make)]
    )


def hidden():
    return dense(64)


def output():
    return dense(32)


def functional(feature_dim):
    start = keras.Input((feature_dim,))
    x = keras.ops.relu(layers.BatchNormalization()(hidden()(start)))
    return keras.Model(start, output()(x))


class Subclassed(keras.Model):
    def __init__(self, nonlinearity=keras.ops.relu):
        super().__init__()
        self.hidden, self.normalization, self.out = hidden(), layers.BatchNormalization(), output()
        self.nonlinearity = nonlinearity

    def call(self, features, training=False):
        normal = self.normalization(self.hidden(features), training=training)
        return self.out(self.nonlinearity(normal))


NORMAL = layers.BatchNormalization
HEAD = [
    Answer("four layers", (stack(hidden, NORMAL, layers.ReLU, output),)),
    Answer(
        "ReLU as an `Activation`",
        (stack(hidden, NORMAL, lambda: layers.Activation("relu"), output),),
    ),
    Answer(
        "no `Input`", (lambda d: keras.Sequential([hidden(), NORMAL(), layers.ReLU(), output()]),)
    ),
    Answer("functional, `keras.ops.relu`", (functional,)),
    Answer("subclassed", (lambda feature_dim: Subclassed(),)),
    Answer(
        "the library's",
        (lambda d: build_projection_head(d, hidden_dim=64, output_dim=32),),
    ),
    Answer("the starting version", (stack(output),), "the hidden layer is missing"),
    Answer("no nonlinearity", (stack(hidden, NORMAL, output),), "the head is linear"),
    Answer("two linear layers", (stack(hidden, output),), "the head is linear"),
    Answer(
        "sigmoid",
        (stack(hidden, NORMAL, lambda: layers.Activation("sigmoid"), output),),
        "not sigmoid",
    ),
    Answer("tanh", (stack(hidden, NORMAL, lambda: layers.Activation("tanh"), output),), "not tanh"),
    Answer("GELU", (stack(hidden, NORMAL, lambda: layers.Activation("gelu"), output),), "not gelu"),
    Answer("leaky ReLU", (stack(hidden, NORMAL, layers.LeakyReLU, output),), "not leakyrelu"),
    Answer(
        "ReLU after the output",
        (stack(hidden, NORMAL, output, layers.ReLU),),
        "a ReLU after the output",
    ),
    Answer(
        "ReLU before and after",
        (stack(hidden, NORMAL, layers.ReLU, lambda: dense(32, activation="relu")),),
        "a ReLU after the output",
    ),
    Answer(
        "normalization after the output",
        (stack(hidden, NORMAL, layers.ReLU, output, NORMAL),),
        "the output layer comes last",
    ),
    Answer(
        "normalization first",
        (stack(NORMAL, hidden, NORMAL, layers.ReLU, output),),
        "stands before it",
    ),
    Answer(
        "ReLU before normalization",
        (stack(lambda: dense(64, activation="relu"), NORMAL, output),),
        "batch normalization comes before ReLU",
    ),
    Answer("no normalization", (stack(hidden, layers.ReLU, output),), "normalization is missing"),
    Answer(
        "layer normalization",
        (stack(hidden, layers.LayerNormalization, layers.ReLU, output),),
        "batch normalization is missing",
    ),
    Answer(
        "dropout",
        (stack(hidden, NORMAL, layers.ReLU, lambda: layers.Dropout(0.1), output),),
        "dropout was not asked for",
    ),
    Answer(
        "biases",
        (stack(lambda: layers.Dense(64), NORMAL, layers.ReLU, output),),
        "the dense layers have biases",
    ),
    Answer(
        "hidden layer of 128",
        (stack(lambda: dense(128), NORMAL, layers.ReLU, output),),
        "the hidden layer has 64 units",
    ),
    Answer(
        "16 outputs",
        (stack(hidden, NORMAL, layers.ReLU, lambda: dense(16)),),
        "32 outputs are asked for",
    ),
    Answer(
        "two hidden layers",
        (stack(hidden, NORMAL, layers.ReLU, hidden, NORMAL, layers.ReLU, output),),
        "more than one hidden layer",
    ),
    Answer(
        "ReLU with a ceiling",
        (stack(hidden, NORMAL, lambda: layers.ReLU(max_value=1), output),),
        "none of the usual",
    ),
    Answer("subclassed, linear", (lambda d: Subclassed(lambda x: x),), "the head is linear"),
    Answer("fixed input", (lambda d: stack(hidden, output)(50),), "take `feature_dim` features"),
    Answer("no model", (lambda d: [hidden()],), "return a keras.Model, not list"),
    Answer("nothing", (lambda d: None,), "return a keras.Model"),
    Answer("an error", (lambda d: 1 / 0,), "ZeroDivisionError"),
]
TRIED = {check_growth: GROWTH, check_cosine: COSINE, check_head: HEAD}
