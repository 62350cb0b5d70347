"""The library of right and wrong answers that are tried against the check of each exercise."""

from answers import ablations, comparisons, evaluation, losses, medical, networks, training, views

MODULES = (views, networks, losses, training, evaluation, comparisons, ablations, medical)
TRIED = {check: tried for module in MODULES for check, tried in module.TRIED.items()}
