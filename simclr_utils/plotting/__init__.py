"""The figures: arrays in, closed figure out."""

from simclr_utils.doors import open_door

PUBLIC = {
    "base": (
        "plot_bars",
        "plot_curves",
        "plot_images",
        "plot_pretraining",
        "plot_similarities",
        "plot_view_histograms",
        "to_png",
    ),
    "figures": (
        "METHODS",
        "plot_classes",
        "plot_confusion",
        "plot_gains",
        "plot_label_efficiency",
        "plot_map",
        "plot_methods",
        "plot_similarity",
        "plot_temperature",
        "plot_validation_curves",
    ),
    "image_sheets": ("plot_neighbors",),
    "nearest": ("NearestImages",),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
