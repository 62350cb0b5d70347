"""From a folder or a name to a `Dataset`, without TensorFlow."""

from simclr_utils.doors import open_door

PUBLIC = {
    "dataset": ("Dataset", "load_dataset", "save_dataset_record"),
    "splits": ("label_subset",),
    "one_finding": ("choose_finding", "findings_of"),
    "repeats": ("digest_images",),
    "shapes": ("CLASS_NAMES", "render_shapes"),
    "glyphs": ("render_glyphs",),
    "chests": ("render_chests",),
    "known_factors": ("render_known_factors",),
    "photographs": ("load_photographs",),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
