"""Contrastive pretraining: networks, loss, `SimCLR`, optimizer, checkpoints, the run doctor."""

from simclr_utils.doors import open_door

PUBLIC = {
    "networks": ("as_float32", "build_encoder", "build_projection_head"),
    "losses": ("contrastive_accuracy", "LOSSES", "nt_xent_loss"),
    "loss_variants": (
        "alignment_loss",
        "cross_view_loss",
        "decoupled_loss",
        "unnormalized_loss",
    ),
    "loss_facts": ("annotate_loss",),
    "similarities": ("candidate_logits",),
    "loss_checks": ("check_nt_xent",),
    "simclr": ("SimCLR",),
    "view_sizes": ("Stage", "ViewSizes"),
    "mixed_views": ("MixedSimCLR",),
    "batches": ("image_batches",),
    "optimizers": (
        "build_optimizer",
        "linear_learning_rate",
        "square_root_learning_rate",
        "warmup_cosine",
    ),
    "lars": ("LARS",),
    "replicas": ("choose_strategy", "gather"),
    "checkpoints": ("Checkpoints",),
    "callbacks": ("EpochLine", "LiveCurves"),
    "doctor": ("RunDoctor",),
    "diagnostics": ("accuracy_under", "describe", "normalized", "pair_cosines"),
    "pretraining": (
        "build_model",
        "describe_pretraining",
        "in_float32",
        "load_encoder",
        "plan_epochs",
        "pretrain",
        "run_identity",
        "save_pretraining",
    ),
    "encoder_file": ("describe_encoder", "open_encoder", "open_for_training"),
    "continued": ("continue_pretraining", "continued_config"),
    "distillation": ("as_targets", "distill", "Distillation"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
