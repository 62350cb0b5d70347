"""Right and wrong answers to the exercises on views and recipes."""

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from answers.answer import Answer
from simclr_utils.course import check_recipe, check_views
from simclr_utils.views import build_augmenter
from simclr_utils.views.crop import RandomResizedCrop
from simclr_utils.views.geometry import RandomFlip


def crop_with_pillow(image, box, size):
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, box))


def quarter_corner(random):
    top, left = random.uniform(0, 16, 2)
    return left, top, left + 16, top + 16


def pillow_views(
    corner=quarter_corner, coin=lambda random, index: random.random() < 0.5, seed=None, change=None
):
    """Builds an answer: a box and a coin for each image, and a last change of a view."""

    def function(images):
        random = np.random.default_rng(seed)

        def view():
            rows = [crop_with_pillow(image, corner(random), (32, 32)) for image in images]
            rows = [row[:, ::-1] if coin(random, i) else row for i, row in enumerate(rows)]
            result = np.array(rows) / 255
            return change(result) if change else result

        return view(), view()

    return function


def with_change(change):
    return pillow_views(change=change)


def tensorflow_views(images):
    floats, count = tf.cast(images, tf.float32) / 255, len(images)

    def view():
        corner = tf.random.uniform([count, 2], 0, 0.5)
        boxes = tf.concat([corner, corner + 0.5], axis=1)
        crops = tf.image.crop_and_resize(floats, boxes, tf.range(count), images.shape[1:3])
        return tf.where(tf.random.uniform([count, 1, 1, 1]) < 0.5, crops[:, :, ::-1], crops)

    return view(), view()


def stateless_views(images):
    """`tf.image` on one image at a time, nearest pixels, a box of its own for each."""

    def one(image):
        crop = tf.image.random_crop(image, [16, 16, 3])
        crop = tf.image.resize(crop, [32, 32], method="nearest")
        return tf.image.random_flip_left_right(tf.cast(crop, tf.float32) / 255)

    return [tf.stack([one(image) for image in images]) for _ in range(2)]


def random_sizes(random):
    width, height = 32 * np.sqrt(random.uniform(0.08, 1, 2))
    left, top = random.uniform(0, 32 - width), random.uniform(0, 32 - height)
    return left, top, left + width, top + height


def numpy_views(images):
    """Whole pixels, each repeated: no resizing library."""
    random = np.random.default_rng()

    def one(image):
        top, left = random.integers(0, 17, 2)
        part = image[top : top + 16, left : left + 16].repeat(2, axis=0).repeat(2, axis=1)
        return part[:, ::-1] if random.integers(2) else part

    return tuple(np.stack([one(image) for image in images]) / np.float32(255) for _ in "12")


def keras_views(images):
    """Layers of Keras for one image at a time, so that each has its own crop."""
    floats = images.astype("float32") / 255
    return [
        np.array(keras_flip(keras.ops.stack([one_crop(image) for image in floats])))
        for _ in range(2)
    ]


def one_crop(image):
    top, left = np.random.default_rng().integers(0, 17, 2)
    return keras.ops.image.resize(image[top : top + 16, left : left + 16], (32, 32))


def keras_flip(crops):
    coins = keras.random.uniform((len(crops), 1, 1, 1)) < 0.5
    return keras.ops.where(coins, keras.ops.flip(crops, axis=2), crops)


def by_layers(*layers):
    def function(images):
        views = []
        for _ in range(2):
            view = tf.cast(images, tf.float32) / 255
            for layer in layers:
                view = layer(view)
            views.append(view)
        return views

    return function


def with_augmenter(**operations):
    augmenter = build_augmenter(32, operations=operations)
    return lambda images: (augmenter(images), augmenter(images))


def shared_box(images, own_views=True, coin="each"):
    """One box for the whole batch, and a coin for each image or for the batch."""
    floats, random = np.float32(images) / 255, np.random.default_rng()
    views = []
    for _ in range(2):
        if own_views or not views:
            top, left = random.integers(0, 17, 2)
        crop = tf.image.resize(floats[:, top : top + 16, left : left + 16], (32, 32))
        views.append(tf.image.random_flip_left_right(crop))
    return views


def same_box_for_both(images):
    corner = tf.random.uniform([len(images), 2], 0, 0.5)
    boxes = tf.concat([corner, corner + 0.5], axis=1)
    crops = tf.image.crop_and_resize(images / 255, boxes, tf.range(len(images)), (32, 32))
    return [tf.image.random_flip_left_right(crops) for _ in range(2)]


def shifted_box_for_both(images):
    first, random = [quarter_corner(np.random.default_rng()) for _ in images], np.random
    shifted = [[side + random.uniform(-1, 0) * (left > 1) for side in (left, top, right, bottom)]
               for left, top, right, bottom in first]  # fmt: skip
    boxes = [first, [np.clip(box, 0, 32) for box in shifted]]
    views = []
    for side in boxes:
        rows = [crop_with_pillow(i, tuple(b), (32, 32)) for i, b in zip(images, side, strict=True)]
        views.append(tf.image.random_flip_left_right(np.array(rows, np.float32) / 255))
    return views


def one_coin_per_view(images):
    return [
        view[:, :, ::-1] if np.random.default_rng().random() < 0.5 else view
        for view in pillow_views(coin=lambda random, index: False)(images)
    ]


def one_coin_for_both(images):
    coins = np.random.default_rng().random((len(images), 1, 1, 1)) < 0.5
    plain = pillow_views(coin=lambda random, index: False)(images)
    return [np.where(coins, view[:, :, ::-1], view) for view in plain]


def starting_version(images):
    floats, half = tf.cast(images, tf.float32) / 255, images.shape[1] // 2
    top, left = tf.random.uniform([2], 0, half, tf.int32)
    crop = floats[:, top : top + half, left : left + half]
    view = tf.image.resize(crop, images.shape[1:3])
    return view, view


def flips_only(images):
    return [tf.image.random_flip_left_right(images / 255) for _ in range(2)]


def fixed_box(left, top, side):
    return pillow_views(lambda random: (left, top, left + side, top + side))


def placed(side, low, high, other=None):
    """A box of a fixed size whose corner is uniform between two numbers of pixels."""

    def corner(random):
        left = random.uniform(low, high)
        top = random.uniform(low, high) if other is None else other(left)
        return left, top, left + side, top + side

    return pillow_views(corner)


def sizes_about_the_middle(random):
    half = random.uniform(5, 14)
    return 16 - half, 16 - half, 16 + half, 16 + half


def crop_one_of_two(images):
    first, second = pillow_views()(images)
    return first, flips_only(images)[1].numpy()


def beyond_the_edge(images):
    corner = tf.random.uniform([len(images), 2], 0, 0.9)
    boxes = tf.concat([corner, corner + 0.5], axis=1)
    crops = tf.image.crop_and_resize(images / 255, boxes, tf.range(len(images)), (32, 32))
    return [tf.image.random_flip_left_right(crops) for _ in range(2)]


def half_precision(images):
    return [tf.cast(view, tf.bfloat16) for view in tensorflow_views(images)]


VIEWS = [
    Answer("boxes of one size, with Pillow", (pillow_views(),)),
    Answer("boxes of random size and shape, with Pillow", (pillow_views(random_sizes),)),
    Answer("`crop_and_resize`, with TensorFlow", (tensorflow_views,)),
    Answer("the same as a `tf.function`", (tf.function(tensorflow_views),)),
    Answer("the same in bfloat16", (half_precision,)),
    Answer("`tf.image` on one image at a time", (stateless_views,)),
    Answer("repeated pixels, with NumPy", (numpy_views,)),
    Answer("`keras.ops` on one image at a time", (keras_views,)),
    Answer("an array in place of a pair", (lambda images: np.stack(pillow_views()(images)),)),
    Answer("the library's layers", (by_layers(RandomResizedCrop(32, (0.08, 1)), RandomFlip(0.5)),)),
    Answer("the library's augmenter, strength 1", (with_augmenter(crop=1.0, flip=1.0),)),
    Answer("the library's augmenter, strength 0.6", (with_augmenter(crop=0.6, flip=1.0),)),
    Answer("crops that keep half of the area", (placed(22.6, 0, 9.4),)),
    Answer("crops that keep a tenth of the area", (placed(10, 0, 22),)),
    Answer("the starting version", (starting_version,), "both views are the same"),
    Answer("one box for the whole batch", (shared_box,), "all images share one random crop"),
    Answer(
        "one box for batch and both views, `random_flip_left_right`",
        (lambda images: shared_box(images, own_views=False),),
        "all images share one random crop",
    ),
    Answer("one box for both views", (same_box_for_both,), "both views show the same crop"),
    Answer("nearly one box for both", (shifted_box_for_both,), "both views show the same crop"),
    Answer("the middle, always", (fixed_box(8, 8, 16),), "every crop is from the middle"),
    Answer("a corner, always", (fixed_box(0, 0, 16),), "every crop is from the same place"),
    Answer("the middle 81 %", (fixed_box(1.6, 1.6, 28.8),), "every crop is from the middle"),
    Answer("81 % at random places", (placed(28.8, 0, 3.2),), "yours keep 81%"),
    Answer("one pixel at a random place", (placed(2, 0, 30),), "the crops are too small"),
    Answer("random sizes about the middle", (pillow_views(sizes_about_the_middle),), "size only"),
    Answer("places near the middle", (placed(16, 5, 11),), "the crops stay near the middle"),
    Answer("places in one quarter", (placed(16, 0, 8),), "never reach one side of the image"),
    Answer("places on the diagonal", (placed(16, 0, 16, lambda left: left),), "one random number"),
    Answer("sideways only", (placed(16, 0, 16, lambda left: 8),), "draw the top edge"),
    Answer("a fixed seed", (pillow_views(seed=0),), "every call returns the same"),
    Answer("one of two cropped", (crop_one_of_two,), "one of the two views is never cropped"),
    Answer("flips without crops", (flips_only,), "no view is cropped"),
    Answer("the images", (lambda images: (images / 255, images / 255),), "unchanged"),
    Answer("boxes beyond the edge", (beyond_the_edge,), "beyond the edge"),
    Answer("no flip", (pillow_views(coin=lambda random, i: False),), "no view is mirrored"),
    Answer("always a flip", (pillow_views(coin=lambda random, i: True),), "all views are mirrored"),
    Answer("one coin for a view", (one_coin_per_view,), "one coin decides for the whole batch"),
    Answer("one coin for both views", (one_coin_for_both,), "mirrored together"),
    Answer("every other image", (pillow_views(coin=lambda r, i: i % 2),), "same images are"),
    Answer(
        "one view mirrored, one not",
        (lambda images: [v[:, :, ::s] for v, s in zip(no_flips(images), (1, -1), strict=True)],),
        "one of the two views is always mirrored",
    ),
    Answer("a coin of 1 in 10", (pillow_views(coin=lambda r, i: r.random() < 0.1),), "about half"),
    Answer("upside down", (with_change(lambda view: view[:, ::-1]),), "upside down"),
    Answer("rows for columns", (with_change(lambda view: view.swapaxes(1, 2)),), "turned"),
    Answer("images in reverse", (with_change(lambda view: view[::-1]),), "show image i"),
    Answer("colors changed", (with_change(lambda view: view * 0.8),), "in its own colors"),
    Answer("0..255 as floats", (with_change(lambda view: view * 255),), "between 0 and 1"),
    Answer("-1..1", (with_change(lambda view: 2 * view - 1),), "between 0 and 1"),
    Answer("divided twice", (with_change(lambda view: view / 255),), "only once"),
    Answer("uint8", (with_change(lambda view: np.uint8(255 * view)),), "have to be floats"),
    Answer("not enlarged", (with_change(lambda v: v[:, 8:24, 8:24]),), "the shape has to stay"),
    Answer("one view", (lambda images: pillow_views()(images)[:1],), "return two views"),
    Answer("one array", (lambda images: pillow_views()(images)[0],), "return two views"),
    Answer("nothing", (lambda images: None,), "returns nothing"),
    Answer("an error", (lambda images: 1 / 0,), "ZeroDivisionError"),
]


def no_flips(images):
    return pillow_views(coin=lambda random, index: False)(images)


START = {"crop": 0.9}


def score(recipe):
    """A shortcut that color operations close, like that of the lesson."""
    closing = {"color_jitter": 2.0, "grayscale": 0.6, "noise": 0.05}
    closed = sum(closing.get(name, 0) * np.ravel(value)[0] for name, value in recipe.items())
    return float(np.exp(-2 * closed))


def recipe(added, said="Right", words=None):
    return Answer(words or str(added), ({**START, **added}, START, score), said)


RECIPES = [
    recipe({"color_jitter": 0.6}),
    recipe({"color_jitter": (0.6, 1.0)}),
    recipe({"color_jitter": 0.4, "grayscale": 0.6}),
    recipe({"color_jitter": 0.6, "blur": 0.6}, "without blur as well"),
    recipe({"color_jitter": 0.6, "grayscale": 0.6}, "without grayscale as well"),
    recipe({"blur": 0.6}, "blur alone leaves the shortcut"),
    recipe({"blur": 0.6, "noise": 0.6}, "blur and noise alone"),
    recipe({"color_jitter": 0.2}, "though less often"),
    recipe({"color_jitter": 0.8}, "has to be in 0..0.6"),
    recipe({"color_jitter": "much"}, "has to be a number"),
    recipe({"crop": 0.3}, "keep crop as given", "a changed crop"),
    recipe({}, "add an operation", "nothing added"),
    recipe({"jitter": 0.6}, "no operation"),
    Answer("a list", (["crop"], START, score), "write a dict"),
    Answer(
        "a score that fails", ({**START, "blur": 0.5}, START, lambda r: 1 / 0), "cannot be used"
    ),
]
TRIED = {check_views: VIEWS, check_recipe: RECIPES}
