"""What features are worth: probe, kNN, supervised training, the protocol, statistics."""

from simclr_utils.doors import open_door

PUBLIC = {
    "features": ("extract_features", "map_features", "pixel_features"),
    "probes": ("fit_knn", "fit_linear_probe", "knn_accuracy", "KNNMonitor", "PixelKNN"),
    "supervised": ("build_supervised", "supervised_steps", "SupervisedBaseline"),
    "fine_tuning": ("as_dense_weights", "FineTuning", "LayerwiseAdamW"),
    "comparison": ("Comparison", "usable_label_counts"),
    "protocol": ("Protocol", "ScoredBefore"),
    "results": ("Results", "summarize"),
    "statistics": (
        "accuracy_interval",
        "crossing_interval",
        "describe_test",
        "mcnemar",
        "RULE",
    ),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
