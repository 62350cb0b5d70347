"""Teaching aids for the notebooks: exercises, explorers and widgets."""

from simclr_utils.doors import open_door

PUBLIC = {
    "opening": ("open_lesson",),
    "lesson": ("Lesson",),
    "watch": ("Watch",),
    "predictions": ("check_number", "check_order", "check_prediction"),
    "view_exercises": ("check_views",),
    "recipe_exercises": ("check_recipe",),
    "network_exercises": ("check_cosine", "check_growth"),
    "head_exercises": ("check_head",),
    "loss_exercises": ("check_chance", "check_supcon", "check_temperature"),
    "training_exercises": ("check_training_step",),
    "batch_exercises": ("check_candidates", "check_carrier"),
    "probe_exercises": ("check_knobs", "check_probe"),
    "layer_exercises": ("check_folded_layer", "check_frozen", "check_head_size"),
    "comparison_exercises": ("check_crossing", "check_verdict"),
    "sample_exercises": (
        "check_num_images",
        "check_pairing",
        "check_standard_error",
        "check_test_size",
    ),
    "medical_exercises": ("check_group_split", "check_operating_point", "check_predictive_value"),
    "ablation_exercises": ("check_cell", "check_cell_order", "check_effect"),
    "variant_exercises": ("check_denominator", "check_loss_candidates"),
    "mixing_exercises": ("check_cutmix", "check_mixup"),
    "sign_factors": ("PLAIN_SIGN", "read_factors", "vary_sign"),
    "augmentation_lab": ("as_recipe", "AugmentationLab", "recipe_call"),
    "vector_explorers": ("FeatureExplorer", "SimilarityExplorer"),
    "pair_explorer": ("PairExplorer",),
    "sweep_explorer": ("SweepExplorer",),
    "class_explorers": ("MistakesExplorer", "RetrievalExplorer"),
    "occlusion_explorer": ("OcclusionExplorer",),
    "widgets": ("explore", "LivePicture", "recipe_controls", "show_picture"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
