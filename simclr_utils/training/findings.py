"""What the run doctor found: the form of a finding, and where those of a run are kept."""

from dataclasses import dataclass

from simclr_utils.files import load_json
from simclr_utils.places import user_path


@dataclass(frozen=True)
class Finding:
    """Something wrong with a run.

    Attributes:
        name: str, one or two words.
        seen: str, what was measured.
        cause: str, what is behind it most often.
        cure: str, what to try.
    """

    name: str
    seen: str
    cause: str
    cure: str

    def __str__(self):
        return f"{self.name}: {self.seen} Likely cause: {self.cause} Cure: {self.cure}"


def stored_findings(folder):
    """Reads what the run doctor found while the encoders in a folder were pretrained.

    Args:
        folder: path of a run, with one encoder, or of a study, with one for each seed.

    Returns:
        A list of sentences, those of the run's encoder first; in a study each one names its
        encoder. Empty where all is well, or nothing was pretrained.
    """
    folder = user_path(folder)
    records = {"the encoder": folder / "encoder.json"}
    for path in sorted((folder / "encoders").glob("*/encoder.json")):
        records[f"encoder {path.parent.name}"] = path
    return [
        f"The run doctor on {name}: {finding}"
        for name, path in records.items()
        if path.exists()
        for finding in load_json(path).get("findings", [])
    ]
