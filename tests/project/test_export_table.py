"""The table of exported encoders: what its pages hold, and how networks are named."""

import export_table
import pandas as pd

from simclr_utils.deploy.check import Exported


def test_the_table_and_its_rows_are_written(tmp_path):
    first = {"encoder": "small_cnn", "size": "16x16", "features": 32}
    measured = [
        Exported("keras", "encoder.keras", 0, 0.0, 1.0, 0.5, 4.0),
        Exported("litert-int8", "encoder_int8.tflite", 112_648, 0.03, 0.99941, 0.041, 2.64),
    ]
    rows = [first | each._asdict() for each in measured]
    table = pd.DataFrame(rows).drop(columns="file")
    export_table.write_table(table, "pets", tmp_path)
    assert pd.read_csv(tmp_path / "export.csv")["bytes"].tolist() == [0, 112_648]
    lines = (tmp_path / "export.md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| small_cnn")]
    assert "|  |" in shown[0]  # a network that has no file
    assert shown[1].endswith("| litert-int8 | 113 | 3e-02 | 0.9994 | 0.04 | 2.64 |")


def test_a_network_of_the_course_has_random_weights_and_a_size():
    ready = export_table.open_network("small_cnn@16", "shapes")
    assert ready.image_shape == (16, 16, 3) and ready.record == {}
    statistics = [w.numpy() for w in ready.encoder.non_trainable_weights]
    assert any((value != 0).any() and (value != 1).any() for value in statistics)
