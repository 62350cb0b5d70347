"""Studies: several pretraining runs and label subsets in one folder, their costs and results."""

from simclr_utils.doors import open_door

PUBLIC = {
    "study": ("Study",),
    "training_tasks": ("FINE_TUNING_SHARE",),
    "identity": ("claim", "StudyError"),
    "costs": ("estimate_costs", "measure_given", "measure_rates", "peak_memory_gib"),
    "minutes": ("minutes_of",),
    "stored": ("correct", "first_predictions"),
    "primary": ("Primary",),
    "summary": (
        "compare",
        "crossings",
        "headline",
        "labels_needed",
        "labels_saved",
        "no_verdict",
        "small_print",
    ),
    "answers": ("answer", "differences"),
    "next_labels": ("doubtful_images", "images_to_label", "typical_images"),
    "operations": ("accuracy_by_operation",),
    "encoder_signs": (
        "look_at_encoder",
        "nearest_images",
        "pool_halves",
        "project_views",
        "some_images",
    ),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
