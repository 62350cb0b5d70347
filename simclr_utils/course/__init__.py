"""Teaching aids for the notebooks: exercises, explorers and widgets."""

from simclr_utils.doors import open_door

PUBLIC = {
    "opening": ("open_lesson",),
    "lesson": ("Lesson",),
    "watch": ("Watch",),
    "view_exercises": ("check_views",),
    "training_exercises": ("check_carrier", "check_training_step"),
    "evaluation_exercises": (
        "check_crossing",
        "check_folded_layer",
        "check_probe",
        "check_verdict",
    ),
    "augmentation_lab": ("as_recipe", "AugmentationLab", "recipe_call"),
    "vector_explorers": ("FeatureExplorer", "SimilarityExplorer"),
    "class_explorers": ("MistakesExplorer", "RetrievalExplorer"),
    "widgets": ("explore", "LivePicture", "recipe_controls", "show_picture"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
