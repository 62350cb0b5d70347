"""Runs a list of tasks and shows how much time is left."""

import functools
import sys
import time
from collections import namedtuple

import keras
from tqdm import tqdm

# `cost` is in seconds, or proportional to them. `run` is a function of the `Progress`.
Task = namedtuple("Task", "name cost run")
SEEN = 0.02  # share of the work to do before the time left is shown


class Progress:
    """Runs tasks, with a bar in a terminal and a line for each task elsewhere.

    The time left is the time so far, scaled by the work that is left. It is shown once some of
    the work is done.

    Args:
        tasks: List of `Task`.
        show: Function of a line of text, called after each task if there is no terminal. By
            default it prints and flushes, so that a log file is complete if the process is
            killed.
    """

    def __init__(self, tasks, show=None):
        self.tasks = tasks
        self.total = sum(task.cost for task in tasks)
        self.show = show or functools.partial(print, flush=True)

    def run(self):
        """Runs all tasks, in order."""
        started, done = time.monotonic(), 0.0
        in_terminal = sys.stderr.isatty()
        bar = tqdm(
            total=self.total,
            bar_format="{desc}: {percentage:3.0f} %|{bar}| {elapsed}, about {remaining} left",
            smoothing=0,  # the mean rate since the start, as kinds of work alternate
            disable=not in_terminal,
        )
        with bar as self.bar:
            for task in self.tasks:
                bar.set_description(task.name)
                task.run(self)
                done += task.cost
                bar.update(done - bar.n)
                minutes = (time.monotonic() - started) / 60
                left = ""
                if done > SEEN * self.total:
                    left = f", about {minutes / done * (self.total - done):.0f} left"
                if not in_terminal:
                    self.show(f"{task.name}: done, {minutes:.1f} min{left}")

    def callback(self, step_cost):
        """Returns a Keras callback that moves the bar while `fit` runs."""
        return keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: self.bar.update(step_cost)
        )
