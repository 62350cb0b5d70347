"""Figures: each function takes arrays and returns a closed figure."""

from simclr_utils.doors import open_door

PUBLIC = {
    "style": ("to_png",),
    "images": ("plot_classes", "plot_images", "plot_neighbors", "plot_view_histograms"),
    "nearest": ("NearestImages",),
    "occlusion": ("plot_occlusion",),
    "schematic": ("plot_simclr",),
    "circle": ("plot_circle",),
    "factors": ("plot_sorted",),
    "head": ("plot_factor_table", "plot_transformations"),
    "batches": ("plot_parts",),
    "similarities": ("plot_similarities", "plot_similarity", "plot_temperature"),
    "curves": ("plot_curves", "plot_pretraining", "plot_runs", "plot_validation_curves"),
    "classes": ("plot_confusion", "plot_map"),
    "calibration": ("plot_reliability",),
    "thresholds": ("plot_precision_recall", "plot_roc"),
    "comparisons": ("METHODS", "plot_bars", "plot_gains", "plot_label_efficiency", "plot_methods"),
    "repetitions": ("plot_comparison",),
    "ablations": ("plot_pairs", "plot_sweep"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
