"""Tries higher learning rates and more steps of fine-tuning than a study does.

python benchmarks/fine_tuning_rates.py results/studies/shapes --labels 250,500

The script uses the first encoder and the first label subset of a finished study, and the
augmentation that the study chose. It looks at validation images only.
"""

import argparse
import tempfile
from pathlib import Path

import pandas as pd
from measuring import RESULTS, write_rows

from simclr_utils import files
from simclr_utils.session import start

RATES = (4e-3, 1e-2, 3e-2)  # the highest rate of fine-tuning, and the two highest of the baseline


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="folder of a finished study")
    parser.add_argument("--labels", required=True, help="numbers of labels of the study")
    parser.add_argument("--shares", default="0.5,1", help="shares of the baseline's steps")
    parser.add_argument("--source", help="folder of images, if the study had one")
    options = parser.parse_args()
    counts = [int(number) for number in options.labels.split(",")]
    made = files.load_json(options.study / "encoders" / "0" / "encoder.json")
    start(0, made.get("precision", "float32"))
    from simclr_utils.config import get_config
    from simclr_utils.data.dataset import load_dataset
    from simclr_utils.evaluation.fine_tuning import FineTuning
    from simclr_utils.evaluation.supervised import supervised_steps
    from simclr_utils.study.study import Study
    from simclr_utils.training.pretraining import load_encoder

    record = files.load_json(options.study / "run.json")
    config = get_config(record["preset"], **record["settings"])
    source, cache = options.source or record["source"], "runs/cache"
    dataset = load_dataset(source, cache_dir=cache, limits=config.limits)
    encoder, _ = load_encoder(options.study / "encoders" / "0", dataset)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(dataset, config, folder, record["preset"], 1, counts)
        trainer, protocol = FineTuning(study.build_model, encoder), study.comparison.protocol
        path = RESULTS / "fine_tuning_rates.csv"
        rows = pd.read_csv(path).to_dict("records") if path.exists() else []
        rows = [row for row in rows if row["fingerprint"] != dataset.fingerprint]
        tuning = files.load_json(options.study / "tuning.json")
        for labels in counts:
            made_from = f"{record['preset']}-{made['fingerprint']}"
            chosen = {
                method: tuning[f"{made_from}/{method}-{labels}"]
                for method in ("supervised", "fine_tuned")
            }
            scratch = [
                each["curve"][-1]
                for each in chosen["supervised"]["tried"]
                if each["settings"] == chosen["supervised"]["settings"]
            ]
            for share in map(float, options.shares.split(",")):
                steps = supervised_steps(labels, share * config.supervised_steps_factor)
                for rate in RATES:
                    settings = {**chosen["fine_tuned"]["settings"], "learning_rate": rate}
                    settings["encoder_share"] = 1.0
                    train = protocol.subset(labels, 0)
                    run = trainer.train(train, protocol.validation, steps, settings)
                    rows.append(
                        {
                            "dataset": dataset.name,
                            "fingerprint": dataset.fingerprint,
                            "labels": labels,
                            "learning_rate": rate,
                            "steps": run.num_steps,
                            "validation_accuracy": round(run.validation_curve[-1], 4),
                            "baseline": round(scratch[-1], 4),
                            "baseline_steps": chosen["supervised"]["num_steps"],
                        }
                    )
                    write_rows("fine_tuning_rates", rows)


if __name__ == "__main__":
    main()
