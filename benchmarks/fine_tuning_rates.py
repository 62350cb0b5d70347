"""Fine-tuning at higher rates and for more steps than a study tries, on validation images alone.

python benchmarks/fine_tuning_rates.py results/studies/shapes

takes the first encoder and the first label subset of a finished study of a source with a name, and
the augmentation that was chosen there. No test image is classified.
"""

import argparse
import tempfile
from pathlib import Path

from measuring import write_rows

from simclr_utils import artifacts
from simclr_utils.startup import start

RATES = (4e-3, 1e-2, 3e-2)  # the highest that fine-tuning tries, and the baseline's two highest
LABEL_COUNTS = (250, 500)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="folder of a finished study")
    options = parser.parse_args()
    start(0, artifacts.load_json(options.study / "encoders" / "0" / "encoder.json")["precision"])
    from simclr_utils.baselines import supervised_steps
    from simclr_utils.config import get_config
    from simclr_utils.datasets import load_dataset
    from simclr_utils.fine_tuning import FineTuning
    from simclr_utils.pretraining import load_encoder
    from simclr_utils.study import FINE_TUNING_SHARE, Study

    record = artifacts.load_json(options.study / "run.json")
    config = get_config(record["preset"], **record["settings"])
    dataset = load_dataset(record["source"], limits=config.limits)
    encoder, made = load_encoder(options.study / "encoders" / "0", dataset)
    with tempfile.TemporaryDirectory() as folder:
        study = Study(dataset, config, folder, record["preset"], 1, LABEL_COUNTS)
        trainer, protocol = FineTuning(study.build_model, encoder), study.comparison.protocol
        rows = []
        for labels in LABEL_COUNTS:
            name = f"tuning/{record['preset']}-{made['fingerprint']}/{{}}-{labels}.json"
            chosen = {
                method: artifacts.load_json(options.study / name.format(method))
                for method in ("supervised", "fine_tuned")
            }
            for share in (FINE_TUNING_SHARE, 1.0):
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
                            "baseline": round(chosen["supervised"]["curves"]["0"][-1], 4),
                            "baseline_steps": chosen["supervised"]["num_steps"],
                        }
                    )
                    write_rows("fine_tuning_rates", rows)


if __name__ == "__main__":
    main()
