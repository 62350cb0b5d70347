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
    "code_exercises": ("check_training_step", "check_views"),
    "augmentation_lab": ("as_recipe", "AugmentationLab", "recipe_call"),
    "explorers": (
        "FeatureExplorer",
        "MistakesExplorer",
        "RetrievalExplorer",
        "SimilarityExplorer",
    ),
    "widgets": ("explore", "LivePicture", "recipe_controls", "show_picture"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
