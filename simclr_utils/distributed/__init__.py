"""Pretraining on several machines: the cluster, the loop, and its launch by hand or by Ray."""

from simclr_utils.doors import open_door

PUBLIC = {
    "cluster": ("Cluster", "open_strategy", "read_cluster"),
    "chief": ("copy_from_chief",),
    "loop": ("pretrain_on_workers", "WorkerLostError"),
    "processes": ("run_processes",),
    "ray_train": ("run_on_ray",),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
