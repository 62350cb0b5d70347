"""Contrastive pretraining from start to file, as notebook 03 spells it out step by step."""

import time
from dataclasses import asdict, dataclass

import keras

from simclr_utils import files
from simclr_utils.places import user_path
from simclr_utils.system import provenance
from simclr_utils.training import networks, optimizers, portable
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints
from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.simclr import SimCLR
from simclr_utils.views import recipe

# What `save_pretraining` writes, the record last: where it stands, the others are complete.
ENCODER_FILES = ("encoder.keras", "projection_head.keras", "pretraining.csv", "encoder.json")

# What a pretraining reads of a `Config`, beside its steps.
PRETRAINING_SETTINGS = ("encoder", "width", "projection_dims", "operations", "temperature")
PRETRAINING_SETTINGS += ("optimizer", "base_learning_rate", "weight_decay", "batch_size")
PRETRAINING_SETTINGS += ("micro_batch_size",)


@dataclass(frozen=True)
class Pretraining:
    """What a pretraining ended in.

    Attributes:
        encoder: `keras.Model` in float32, images -> features.
        projection_head: `keras.Model` in float32, features -> projections.
        history: dict from a curve's name to one value an epoch.
        details: dict, what made the encoder; goes to `encoder.json`.
    """

    encoder: keras.Model
    projection_head: keras.Model
    history: dict
    details: dict


def plan_epochs(num_images, config):
    """How the steps of a pretraining fall into epochs.

    Args:
        num_images: int, the pool.
        config: a `Config`.

    Returns:
        Three ints: batch size, steps of an epoch, epochs.

    Raises:
        ValueError: if the batch does not fall into whole microbatches.
    """
    batch_size, micro_batch_size = min(config.batch_size, num_images), config.micro_batch_size or 1
    if micro_batch_size <= num_images < config.batch_size:
        batch_size -= batch_size % micro_batch_size  # whole microbatches of a small pool
    if micro_batch_size < batch_size and batch_size % micro_batch_size:
        raise ValueError(
            f"A batch of {batch_size} images does not fall into microbatches of "
            f"{micro_batch_size}. Choose a micro_batch_size that divides the batch_size."
        )
    steps_per_epoch = min(num_images // batch_size, config.pretraining_steps)
    return batch_size, steps_per_epoch, max(1, round(config.pretraining_steps / steps_per_epoch))


def build_model(image_shape, config, seed=0):
    """The `SimCLR` of a configuration, not compiled.

    Args:
        image_shape: tuple `(height, width, channels)`.
        config: a `Config`: networks, views and temperature.
        seed: int, of the views; the weights follow Keras' global seed.
    """
    height, _, channels = image_shape
    augmenter = recipe.build_augmenter(
        height, operations=dict(config.operations), channels=channels, seed=seed
    )
    encoder = networks.build_encoder(image_shape, config.encoder, config.width)
    head = networks.build_projection_head(encoder.output_shape[-1], *config.projection_dims)
    return SimCLR(augmenter, encoder, head, config.temperature, config.micro_batch_size)


def pretrain(dataset, config, seed=0, preset=None, callbacks=(), checkpoint_folder=None):
    """Trains encoder and projection head by SimCLR on the images of a dataset; no label is read.

    With a folder for checkpoints it can be killed at any moment; the same call then goes on, and
    ends in the same bits.

    Args:
        dataset: a `Dataset`; its `unlabeled` images are the pool.
        config: a `Config`: networks, views, temperature, optimizer, batch size and steps.
        seed: int, of weights, views and the order of the images.
        preset: str, the preset's name for the record.
        callbacks: of `fit`.
        checkpoint_folder: path, for `Checkpoints`; `None` keeps none.

    Returns:
        A `Pretraining`. What the run doctor found it prints, and keeps in `details["findings"]`.

    Raises:
        CheckpointError: if the folder holds checkpoints of another training.
        ValueError: if the microbatches do not divide the batch.
        TrainingFailedError: as soon as the loss is no number, or a weight at the end of an epoch.
        OSError: if a checkpoint cannot be written.
    """
    keras.utils.set_random_seed(seed)
    model = build_model(dataset.image_shape, config, seed)
    batch_size, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    peak = optimizers.square_root_learning_rate(config.base_learning_rate, batch_size)
    schedule = optimizers.warmup_cosine(peak, epochs * steps_per_epoch)
    model.compile(optimizers.build_optimizer(config.optimizer, schedule, config.weight_decay))
    first, seconds, history = 0, 0.0, keras.callbacks.History()
    doctor = RunDoctor(dataset.unlabeled, batch_size)
    if checkpoint_folder is not None:
        identity = run_identity(dataset, config, seed, epochs)
        history = Checkpoints(checkpoint_folder, identity, doctor=doctor)
        first = history.restore(model)
        seconds = history.seconds
    started = time.monotonic()
    model.fit(
        image_batches(dataset.unlabeled, batch_size, seed, first_step=first * steps_per_epoch),
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        initial_epoch=first,
        callbacks=[doctor, *callbacks, history],
        verbose=0,
        shuffle=False,
    )
    seconds += time.monotonic() - started
    doctor.conclude(history.history["loss"][-1])
    made = (preset, seed, epochs * steps_per_epoch, seconds, doctor.findings)
    details = describe_pretraining(dataset, config, *made)
    return in_float32(model, history.history, details)


def in_float32(model, history, details):
    """A `Pretraining` of a trained `SimCLR`, its networks in float32 whatever they trained in."""
    both = map(networks.as_float32, (model.encoder, model.projection_head))
    return Pretraining(*both, history, details)


def describe_pretraining(dataset, config, preset, seed, steps, seconds, findings=()):
    """What made an encoder, the dict that is kept beside it as `encoder.json`.

    Args:
        dataset: the `Dataset` whose pool it was trained on.
        config: a `Config`.
        preset, seed: of the training.
        steps: int, updates that were made.
        seconds: float, that they took.
        findings: of the run doctor, list of `Finding`.
    """
    batch_size, _, _ = plan_epochs(len(dataset.unlabeled), config)
    return {
        **provenance.provenance(preset=preset, seed=seed, fingerprint=dataset.fingerprint),
        "dataset": dataset.name,
        "image_shape": list(dataset.image_shape),
        "class_names": list(dataset.class_names),
        "decoding": dict(dataset.decoding),
        "notes": list(dataset.notes),
        "steps": steps,
        "batch_size": batch_size,
        "minutes": round(seconds / 60, 1),
        "config": asdict(config),
        "precision": keras.config.dtype_policy().name,
        "findings": [str(finding) for finding in findings],
    }


def run_identity(dataset, config, seed, epochs):
    """What makes a pretraining the one that a checkpoint is of, a dict for `Checkpoints`."""
    identity = {"fingerprint": dataset.fingerprint, "seed": seed, "epochs": epochs}
    return identity | {name: getattr(config, name) for name in PRETRAINING_SETTINGS}


def save_pretraining(folder, pretraining):
    """Writes `ENCODER_FILES` into a folder.

    The encoder in the file takes images in 0..255 too. Its record, the content of `encoder.json`,
    stands in the file as well, so that the file can travel alone: `portable.read_record`.

    Args:
        folder: path; made when it is not there.
        pretraining: a `Pretraining`.
    """
    folder = user_path(folder)
    (folder / "encoder.json").unlink(missing_ok=True)  # where it stands the others belong to it
    encoder = portable.take_any_range(pretraining.encoder)
    decoding = pretraining.details.get("decoding", {})
    record = {**pretraining.details, "input": portable.describe_use(encoder, **decoding)}
    with files.atomic_path(folder / "encoder.keras") as path:
        portable.save_model(encoder, path, record)
    with files.atomic_path(folder / "projection_head.keras") as path:
        portable.save_model(pretraining.projection_head, path, pretraining.details)
    files.save_history(folder / "pretraining.csv", pretraining.history)
    files.save_json(folder / "encoder.json", record)


def load_encoder(folder, dataset=None):
    """Loads what `save_pretraining` wrote: the encoder, and the dict that says what made it.

    The encoder takes images in 0..1 or 0..255; those in 0..1 have the features that they had in
    training, to the bit.

    Args:
        folder: path.
        dataset: the `Dataset` that the encoder is to be measured on, if the encoder comes from a
            run on that dataset; `None` for an encoder from elsewhere.

    Raises:
        FileNotFoundError: if there is no finished pretraining in the folder.
        ValueError: if the dataset has changed since: its split is another one then, and images
            that are test now may have been in the encoder's pool.
    """
    folder = user_path(folder)
    if not (folder / "encoder.json").exists():
        raise FileNotFoundError(
            f"There is no pretrained encoder in {folder}: expected encoder.keras and encoder.json. "
            "Notebook 03 writes them to encoders/<seed>/ in its run_dir: run it with the same "
            "run_dir and seed."
        )
    made = files.load_json(folder / "encoder.json")
    if dataset is not None and made["fingerprint"] != dataset.fingerprint:
        raise ValueError(
            f"The encoder in {folder} was pretrained on other images ({made['dataset']}, "
            f"{made['fingerprint']}) than there are now ({dataset.name}, {dataset.fingerprint}). "
            "What is test now may have been in its pool. Pretrain in a new folder."
        )
    return keras.saving.load_model(folder / "encoder.keras", compile=False), made
