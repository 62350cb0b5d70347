"""What only lessons need: exercises, explorers, widgets."""

from simclr_utils.doors import open_door

PUBLIC = {
    "exercises": (
        "check_carrier",
        "check_crossing",
        "check_folded_layer",
        "check_probe",
        "check_verdict",
    ),
    "step_exercise": ("check_training_step",),
    "view_exercise": ("check_views",),
    "augmentation_lab": ("as_recipe", "AugmentationLab", "recipe_call"),
    "explorers": ("MistakesExplorer", "RetrievalExplorer", "SimilarityExplorer"),
    "feature_explorer": ("FeatureExplorer",),
    "widgets": ("explore", "LivePicture", "recipe_controls"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
