"""The command line: runs of notebooks, studies, their folders and their pages."""

from simclr_utils.doors import open_door

PUBLIC = {"verdict": ("write_verdict",)}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
