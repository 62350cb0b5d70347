"""Ablations: one part of SimCLR is varied, and all else is kept, with several seeds."""

from simclr_utils.doors import open_door

PUBLIC = {
    "grids": ("Cell", "describe_grids", "Grid", "GRIDS"),
    "cells": ("configure", "run_cell"),
    "plan": ("Plan",),
    "rows": ("add_rows", "differences", "summarize_cells", "total_minutes"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
