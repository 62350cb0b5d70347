"""The findings of the run doctor, and those that were stored with encoders."""

from dataclasses import dataclass
from pathlib import Path

from simclr_utils.files import load_json
from simclr_utils.places import user_path


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes:
        name: String, a few words.
        seen: String, a sentence that says what was measured.
        cause: String, the most common cause.
        cure: String, what to try.
    """

    name: str
    seen: str
    cause: str
    cure: str

    def __str__(self):
        return f"{self.name}: {self.seen} Likely cause: {self.cause} Cure: {self.cure}"


def stored_findings(folder: str | Path) -> list[str]:
    """Returns what the run doctor found while the encoders in a folder were pretrained.

    Args:
        folder: Path of a run or a study.

    Returns:
        A list of sentences, each of which names its encoder. The list is empty if nothing was
        found or nothing was pretrained.
    """
    return [
        f"The run doctor on encoder {path.parent.name}: {finding}"
        for path in sorted((user_path(folder) / "encoders").glob("*/encoder.json"))
        for finding in load_json(path).get("findings", [])
    ]
