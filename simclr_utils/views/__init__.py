"""From images to random views: the operations, and the recipe that composes them."""

from simclr_utils.doors import open_door

PUBLIC = {
    "recipe": ("build_augmenter", "on_every_image", "OPERATIONS"),
    "small": ("build_small_augmenter",),
    "crop": ("RandomResizedCrop",),
    "layers": ("RandomOperation", "KerasOperation"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
