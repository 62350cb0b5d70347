"""The first line of every notebook: `lesson = open_lesson(globals())`."""

from typing import TYPE_CHECKING, Any

from simclr_utils.config import get_config
from simclr_utils.parameters import OF_DATA
from simclr_utils.session import start

if TYPE_CHECKING:
    from simclr_utils.course.lesson import Lesson


def open_lesson(parameters: dict[str, Any]) -> "Lesson":
    """Starts the session of a notebook, and loads its images.

    Args:
        parameters: Dict, the notebook's `globals()` after its cell of parameters: `source`,
            `preset`, `seed`, `run_dir`, and `settings`, a dict from fields of `Config`,
            `image_size`, `cache_dir` and `reading` to values.

    Returns:
        A `Lesson`.

    Raises:
        ParameterError: If a parameter has an impossible name or value.
        ValueError: If the images cannot be loaded, as in `load_dataset`.
        StudyError: If `run_dir` holds another study.

    Example:

    >>> lesson = open_lesson(globals())
    >>> dataset, config = lesson.dataset, lesson.config
    """
    seed = parameters["seed"]
    session = start(seed, parameters=parameters)
    # Imported late: `start` sets what TensorFlow reads when it is imported.
    from simclr_utils.course.lesson import Lesson
    from simclr_utils.data.dataset import load_dataset, save_dataset_record
    from simclr_utils.study.identity import claim

    source, preset, run_dir = (parameters[name] for name in ("source", "preset", "run_dir"))
    settings = dict(parameters.get("settings") or {})
    of_data = {name: settings.pop(name, None) for name in OF_DATA}
    config = get_config(preset, source, **settings)
    dataset = load_dataset(
        source,
        of_data["image_size"],
        of_data["cache_dir"],
        limits=config.limits,
        **(of_data["reading"] or {}),
    )
    if run_dir is not None:
        claim(run_dir, dataset, config, preset)  # one study a folder
        save_dataset_record(run_dir, dataset)
    return Lesson(session, dataset, config, preset, seed, run_dir)
