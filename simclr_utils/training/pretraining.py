"""A pretraining run from its settings to its files; notebook 03 takes the same steps one by one."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from simclr_utils import files
from simclr_utils.config import Config, identity
from simclr_utils.data.dataset import Dataset
from simclr_utils.places import user_path
from simclr_utils.system import provenance
from simclr_utils.training import networks, optimizers, portable
from simclr_utils.training.batches import image_batches
from simclr_utils.training.checkpoints import Checkpoints
from simclr_utils.training.doctor import RunDoctor
from simclr_utils.training.losses import LOSSES
from simclr_utils.training.mixed_views import MixedSimCLR
from simclr_utils.training.planned_views import build_views, sizes_in_use
from simclr_utils.training.replicas import choose_strategy
from simclr_utils.training.simclr import SimCLR
from simclr_utils.training.view_sizes import check_sizes
from simclr_utils.views import recipe


@dataclass(frozen=True)
class Pretraining:
    """The result of a pretraining run.

    Attributes:
        encoder: `keras.Model` in float32, images -> features.
        projection_head: `keras.Model` in float32, features -> projections.
        history: Dict from the name of a curve to a list with one value per epoch.
        details: Dict, how the encoder was made. It is stored as `encoder.json`.
    """

    encoder: keras.Model
    projection_head: keras.Model
    history: dict
    details: dict


def pretrain(
    dataset: Dataset,
    config: Config,
    seed: int = 0,
    preset: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoint_folder: str | Path | None = None,
    encoder: keras.Model | None = None,
) -> Pretraining:
    """Trains an encoder and a projection head with SimCLR on the images of a dataset.

    No label is read. With a folder for checkpoints, the run may be killed at any moment. The same
    call then resumes it, and the result is bit-identical.

    Args:
        dataset: `Dataset` whose `unlabeled` images are the pool.
        config: `Config` with networks, views, loss, optimizer, batch size and steps.
        seed: Integer, at least 0. It determines the initial weights, the views and the order of
            the images.
        preset: String, the name of the preset for the record, or `None`.
        callbacks: Keras callbacks for `fit`.
        checkpoint_folder: Path of a folder for `Checkpoints`, or `None` for no checkpoints.
        encoder: `keras.Model` to start from, images -> features. On one device, it is trained in
            place. `None` builds the encoder of the config, with random weights.

    Returns:
        A `Pretraining`. The findings of the run doctor are printed, and kept in
        `details["findings"]`.

    Raises:
        CheckpointError: If the folder holds checkpoints of another run.
        ValueError: If the micro batch size or the devices do not divide the batch size.
        TrainingFailedError: If the loss, or a weight at the end of an epoch, is not a number.
        OSError: If a checkpoint cannot be written.

    Example:

    >>> dataset = load_dataset("shapes")
    >>> pretraining = pretrain(dataset, get_config("quick"), seed=0, preset="quick")
    >>> save_pretraining("runs/mine", pretraining)
    """
    keras.utils.set_random_seed(seed)
    batch_size, steps_per_epoch, epochs = plan_epochs(len(dataset.unlabeled), config)
    strategy = choose_strategy(config.devices, batch_size, config.micro_batch_size)
    with strategy.scope():
        if encoder is not None and strategy.num_replicas_in_sync > 1:
            encoder = networks.copied(encoder)  # its weights are on one device
        model = build_model(dataset.image_shape, config, seed, encoder, epochs * steps_per_epoch)
        rate = (config.optimizer, config.base_learning_rate, batch_size)
        peak = optimizers.peak_learning_rate(*rate)
        schedule = optimizers.warmup_cosine(peak, epochs * steps_per_epoch)
        model.compile(optimizers.build_optimizer(config.optimizer, schedule, config.weight_decay))
    first, seconds, history = 0, 0.0, keras.callbacks.History()
    doctor = RunDoctor(dataset.unlabeled, batch_size)
    if checkpoint_folder is not None:
        wanted = run_identity(dataset, config, seed, epochs)
        if encoder is not None:
            wanted["start"] = weights_digest(encoder)
        history = Checkpoints(checkpoint_folder, wanted, doctor=doctor)
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


def build_model(
    image_shape: tuple[int, int, int],
    config: Config,
    seed: int = 0,
    encoder: keras.Model | None = None,
    num_steps: int | None = None,
) -> SimCLR:
    """Builds the `SimCLR` model of a configuration, without compiling it.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        config: `Config` with networks, views, loss and temperature.
        seed: Integer, at least 0, the seed of the views. The weights follow the global seed of
            Keras.
        encoder: `keras.Model` to use in place of the config's, or `None`.
        num_steps: Integer, the steps of the whole run, which the sizes of the views share. `None`
            is the number in the config.

    Returns:
        A `SimCLR`.

    Raises:
        ValueError: If the configuration names a loss, an encoder or an operation that does not
            exist, or asks for views that do not go together or do not fit the encoder.
    """
    if config.loss not in LOSSES:
        raise ValueError(f"Unknown loss {config.loss!r}. Choose from {list(LOSSES)}.")
    steps = config.pretraining_steps if num_steps is None else num_steps
    augmenter, second, sizes = build_views(image_shape, config, seed, steps)
    if encoder is None:
        encoder = networks.build_encoder(image_shape, config.encoder, config.width)
    head = networks.head_of_sizes(encoder.output_shape[-1], config.projection_dims)
    loss = LOSSES[config.loss]
    parts = (augmenter, encoder, head, config.temperature, loss, config.micro_batch_size, second)
    if config.mix_alpha == 0:
        model = SimCLR(*parts, sizes)
    else:
        shares = recipe.operation_seed(seed, "share of a mixture")
        model = MixedSimCLR(*parts, sizes, alpha=config.mix_alpha, seed=shares)
    if sizes is not None:
        check_sizes(encoder, sizes_in_use(config, image_shape[0]), image_shape[-1])
    return model


def plan_epochs(num_images: int, config: Config) -> tuple[int, int, int]:
    """Divides the steps of a pretraining run into epochs.

    Args:
        num_images: Integer, the number of images in the pool.
        config: `Config` with batch size and steps.

    Returns:
        Three integers: the batch size, the steps per epoch, and the number of epochs.

    Raises:
        ValueError: If the micro batch size does not divide the batch size.
    """
    batch_size, micro_batch_size = min(config.batch_size, num_images), config.micro_batch_size or 1
    if micro_batch_size <= num_images < config.batch_size:
        batch_size -= batch_size % micro_batch_size  # whole microbatches of a small pool
    if micro_batch_size < batch_size and batch_size % micro_batch_size:
        raise ValueError(
            f"A batch of {batch_size} images does not divide into microbatches of "
            f"{micro_batch_size}. Choose a micro_batch_size that divides the batch_size."
        )
    steps_per_epoch = min(num_images // batch_size, config.pretraining_steps)
    return batch_size, steps_per_epoch, max(1, round(config.pretraining_steps / steps_per_epoch))


def run_identity(dataset: Dataset, config: Config, seed: int, epochs: int) -> dict:
    """Returns what a run must have in common with the run whose checkpoint it resumes.

    Args:
        dataset: `Dataset` whose pool is trained on.
        config: `Config`. Only the settings that determine the encoder count.
        seed: Integer, the seed of the run.
        epochs: Integer, the number of epochs.

    Returns:
        A dict for `Checkpoints`.
    """
    made_of = {"fingerprint": dataset.fingerprint, "seed": seed, "epochs": epochs}
    return {**made_of, "config": identity(config, ("pretraining",))}


def weights_digest(model):
    """Returns a string that is the same for models with the same weights."""
    digest = hashlib.blake2b(digest_size=8)
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def describe_pretraining(
    dataset: Dataset,
    config: Config,
    preset: str | None,
    seed: int,
    steps: int,
    seconds: float,
    findings: Sequence = (),
) -> dict:
    """Describes how an encoder was made, for the file `encoder.json` beside it.

    Args:
        dataset: `Dataset` whose pool it was trained on.
        config: `Config` of the run.
        preset: String, the name of the preset, or `None`.
        seed: Integer, the seed of the run.
        steps: Integer, the number of updates.
        seconds: Float, the time that the updates took.
        findings: `Finding` objects of the run doctor.

    Returns:
        A dict that JSON can hold.
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


def in_float32(model: SimCLR, history: dict, details: dict) -> Pretraining:
    """Returns a trained model as a `Pretraining`, with its networks converted to float32.

    Args:
        model: Trained `SimCLR`, of any precision.
        history: Dict from the name of a curve to a list with one value per epoch.
        details: Dict, as `describe_pretraining` returns it.

    Returns:
        A `Pretraining`.
    """
    both = map(networks.as_float32, (model.encoder, model.projection_head))
    return Pretraining(*both, history, details)


def save_pretraining(folder: str | Path, pretraining: Pretraining) -> None:
    """Writes the encoder, the projection head, the curves and the record into a folder.

    The stored encoder takes images in 0..1 or 0..255. The record in `encoder.json` is also stored
    inside `encoder.keras`, so that this file is complete by itself; `portable.read_record`
    returns it.

    Args:
        folder: Path of a folder. It is created if it does not exist.
        pretraining: `Pretraining` to write.
    """
    folder = user_path(folder)
    # Removed first and written last: if the record is there, the other files belong to it.
    (folder / "encoder.json").unlink(missing_ok=True)
    encoder = portable.take_any_range(pretraining.encoder)
    decoding = pretraining.details.get("decoding", {})
    record = {**pretraining.details, "input": portable.describe_use(encoder, **decoding)}
    with files.atomic_path(folder / "encoder.keras") as path:
        portable.save_model(encoder, path, record)
    with files.atomic_path(folder / "projection_head.keras") as path:
        portable.save_model(pretraining.projection_head, path, pretraining.details)
    files.save_history(folder / "pretraining.csv", pretraining.history)
    files.save_json(folder / "encoder.json", record)


def load_encoder(folder: str | Path, dataset: Dataset | None = None) -> tuple[keras.Model, dict]:
    """Loads an encoder and its record from a folder that `save_pretraining` wrote.

    The encoder takes images in 0..1 or 0..255. For images in 0..1, the features are bit-identical
    to those of the encoder before it was stored.

    Args:
        folder: Path of the folder.
        dataset: `Dataset` that the encoder will be measured on, if it was pretrained on the pool
            of this dataset. `None` for an encoder from elsewhere.

    Returns:
        A pair: a `keras.Model`, images -> features, and a dict that says how it was made.

    Raises:
        FileNotFoundError: If the folder holds no finished pretraining run.
        ValueError: If the dataset has changed since the encoder was pretrained. Its splits may
            have changed as well, and its present test images may have been in the pool.

    Example:

    >>> encoder, record = load_encoder("runs/mine", dataset)
    >>> features = extract_features(encoder, dataset.train[0])
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
            "Images that are test images now may have been in its pool. Pretrain in a new folder."
        )
    return keras.saving.load_model(folder / "encoder.keras", compile=False), made
