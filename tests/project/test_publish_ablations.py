"""The page of ablations: from the folder of a command to tables, figures and the command."""

import json

import publish_ablations

from simclr_utils.ablation.rows import add_rows


def test_a_folder_becomes_a_table_a_figure_and_its_command(tmp_path):
    shared = {"grid": "temperature", "line": "SimCLR", "dataset": "mine", "subsets": 3}
    shared |= {"steps": 1950, "batch_size": 128, "minutes": 2.0, "versions": "v", "hardware": "h"}
    shared |= {"precision": "float32", "commit": "c", "date": "2026-01-02T03:04"}
    rows = [
        {**shared, "cell": f"temperature={at}", "at": at, "seed": seed, "labels": labels,
         "accuracy": 0.5 + seed / 10, "contrastive_accuracy": 0.9}
        for seed in (0, 1) for at in (0.1, 0.5) for labels in (100, 500)
    ]  # fmt: skip
    run_dir, results = tmp_path / "a private path", tmp_path / "results"
    add_rows(run_dir / "rows.csv", rows)
    record = {"grid": "temperature", "preset": "quick", "source": "mine", "from_folder": True}
    settings = {"label_counts": [100, 500], "width": 8}
    (run_dir / "ablation.json").write_text(json.dumps({**record, "settings": settings,
                                                       "fingerprint": "f00"}))  # fmt: skip
    publish_ablations.copy_rows(run_dir, results / "ablations")
    publish_ablations.write_page(results)
    page = (results / "ablations.md").read_text()
    assert (
        "ablate --grid temperature --source <folder> --preset quick --seeds 2 "
        "--labels 100,500 --set width=8\n" in page
    )
    assert "| temperature=0.1 | 55.0 ± 63.5 | 55.0 ± 63.5 | 90.0 ± 0.0 |" in page
    assert "4 trainings took 0.1 hours" in page and "private" not in page
    assert "4 trainings of 1,950 steps, batch size 128, took 8 minutes" in page
    assert (results / "ablations" / "mine_temperature.png").stat().st_size > 1000
