"""Workers that Ray places, watches and restarts."""

import os
from collections.abc import Callable
from pathlib import Path

# The environment of the workers: before they import TensorFlow.
PASSED_ON = ("TF_", "SIMCLR_", "ONEDNN_", "OMP_", "KERAS_", "CUDA_")
MAX_RESTARTS = 20
HOW_TO_INSTALL = 'pip install "ray[train]"'


def run_on_ray(
    work: Callable[[dict], None],
    given: dict,
    num_workers: int,
    folder: str | Path,
    max_restarts: int = MAX_RESTARTS,
) -> None:
    """Runs a function on the workers of a Ray cluster, and starts all of them again if one fails.

    Ray chooses the machines, sets `TF_CONFIG` for each worker, and restarts the group after a
    failure. The function then has to go on from its own checkpoint. The cluster is that of the
    environment variable `RAY_ADDRESS`, the one that runs on this machine, or a new one here.

    Args:
        work: Function of a dict, defined in a module that all workers can import.
        given: Dict, its argument.
        num_workers: Integer, the number of workers. Each has one CPU and, if the cluster has GPUs,
            one GPU.
        folder: Path of a folder for the files of Ray, which all machines can reach.
        max_restarts: Integer, the number of failures after which Ray gives up.

    Raises:
        ImportError: If Ray is not installed.
        RuntimeError: If the work failed more often than `max_restarts`.
    """
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.tensorflow import TensorflowTrainer
    except ImportError as error:
        raise ImportError(f"Ray is not installed: `{HOW_TO_INSTALL}`") from error
    variables = {name: os.environ[name] for name in os.environ if name.startswith(PASSED_ON)}
    variables.pop("TF_CONFIG", None)
    ray.init(runtime_env={"env_vars": variables}, ignore_reinit_error=True)
    use_gpu = ray.cluster_resources().get("GPU", 0) >= num_workers
    each = "a CPU and a GPU" if use_gpu else "a CPU and no GPU"
    print(f"Ray starts {num_workers} workers, each with {each}.", flush=True)
    trainer = TensorflowTrainer(
        work,
        train_loop_config=given,
        scaling_config=ScalingConfig(
            num_workers=num_workers,
            use_gpu=use_gpu,
            placement_strategy="SPREAD",  # on as many machines as there are
        ),
        run_config=RunConfig(
            name="pretrain",
            storage_path=str(folder),
            failure_config=FailureConfig(max_failures=max_restarts),
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise RuntimeError(f"The run failed under Ray: {error}") from error
