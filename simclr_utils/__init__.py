"""SimCLR on TensorFlow and Keras 3: from a folder of images to an encoder and a fair comparison.

Scripts and notebooks import what they need from here, as in
`from simclr_utils import SimCLR, load_dataset`. Each name is loaded when it is first used, so that
`import simclr_utils` takes milliseconds and does not import TensorFlow.
"""

from importlib import metadata

from simclr_utils.doors import open_door
from simclr_utils.keras_settings import choose_backend

choose_backend()

# The public names of each module, in the order in which a run uses them.
PUBLIC = {
    "session": ("start",),
    "config": ("Config", "get_config"),
    "data.dataset": ("Dataset", "load_dataset"),
    "views.recipe": ("build_augmenter",),
    "training.networks": ("build_encoder", "build_projection_head"),
    "training.losses": ("nt_xent_loss", "contrastive_accuracy"),
    "training.simclr": ("SimCLR",),
    "training.batches": ("image_batches",),
    "training.optimizers": ("build_optimizer", "warmup_cosine"),
    "training.checkpoints": ("Checkpoints",),
    "training.doctor": ("RunDoctor",),
    "training.pretraining": ("pretrain", "save_pretraining", "load_encoder"),
    "evaluation.features": ("extract_features",),
    "evaluation.probes": ("fit_linear_probe", "fit_knn"),
    "evaluation.supervised": ("SupervisedBaseline",),
    "evaluation.fine_tuning": ("FineTuning",),
    "evaluation.protocol": ("Protocol",),
    "evaluation.results": ("Results",),
    "study.study": ("Study",),
    "deploy.transformer": ("SimCLREncoder",),
}
_get, _, MODULES = open_door(__name__, PUBLIC)
__all__ = ["__version__", *MODULES]


def __getattr__(name):
    if name != "__version__":
        return _get(name)
    try:
        return metadata.version("simclr-utils")
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "unknown"


def __dir__():
    return sorted({*globals(), *__all__})
