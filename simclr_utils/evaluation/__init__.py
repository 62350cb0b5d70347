"""Evaluation: probe, kNN, supervised training, the protocol, metrics and statistics."""

from simclr_utils.doors import open_door

PUBLIC = {
    "class_results": ("results_per_class",),
    "features": ("extract_features", "map_features", "pixel_features"),
    "readouts": ("build_readout",),
    "outputs": ("extract_outputs",),
    "occlusion": ("occlusion_map",),
    "transformations": ("TRANSFORMATIONS", "transform", "Transformation"),
    "transformation_probe": ("fit_mlp", "predict_transformations"),
    "factor_scores": ("changed_factors", "factor_table", "score_factors"),
    "probes": ("fit_knn", "fit_linear_probe", "knn_accuracy", "KNNMonitor", "PixelKNN"),
    "mixing": ("AugmentedClassifier", "CutMix", "MixedClassifier", "MixUp", "with_mixing"),
    "supervised": ("build_supervised", "supervised_steps", "SupervisedBaseline"),
    "finding_scores": ("FindingImages", "score_findings"),
    "fine_tuning": ("as_dense_weights", "FineTuning", "LayerwiseAdamW"),
    "tuning": ("choose_settings", "default_settings", "splits_of"),
    "fixmatch": ("FixMatch", "FixMatchTrainer"),
    "kmeans_patches": ("fit_kmeans_patches", "KMeansPatches"),
    "comparison": ("Comparison", "usable_label_counts"),
    "calibration": ("reliability",),
    "metrics": ("accuracy_interval", "Metric", "METRICS"),
    "metric_differences": ("metric_difference",),
    "operating_points": ("at_threshold", "choose_threshold"),
    "out_of_fold": ("out_of_fold_probabilities",),
    "precision_recall": ("precision_recall_points",),
    "roc": ("roc_points",),
    "predictions": ("Predictions",),
    "protocol": ("Protocol", "ScoredBefore"),
    "results": ("Results", "summarize"),
    "tables": ("accuracy_table", "describe_crossing"),
    "published": ("load_published", "published_ablation", "read_ablation"),
    "statistics": ("crossing_interval", "mcnemar"),
    "verdicts": ("RULE",),
    "label_savings": ("find_savings", "labels_to_reach"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
