"""Taking an encoder away: other formats, a model card, features of a folder, a transformer."""

from simclr_utils.doors import open_door

PUBLIC = {
    "ready": ("open_ready", "ReadyEncoder"),
    "formats": ("ExportError", "Format", "FORMATS"),
    "check": ("Exported",),
    "export": ("export_encoder", "image_model"),
    "embedding": ("embed_folder", "Embedded"),
    "feature_files": ("read_features", "write_features"),
    "card": ("describe_card",),
    "transformer": ("SimCLREncoder",),
    "neighbors": ("near_duplicates", "NeighborIndex", "Neighbors", "unit_length"),
}
__getattr__, __dir__, _ = open_door(__name__, PUBLIC)
