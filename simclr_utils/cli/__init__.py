"""The command line: runs of notebooks, studies, their folders and pages."""

from simclr_utils.doors import open_door

PUBLIC = {
    "encoder_signs": ("nearest_in_pool", "NearestImages", "project_views", "some_images"),
    "pages": ("write_verdict_page",),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
