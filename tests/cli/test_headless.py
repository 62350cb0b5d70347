"""The headless run, on notebooks that need seconds."""

import base64
import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from simclr_utils import files, parameters
from simclr_utils.__main__ import build_parser, main
from simclr_utils.cli import arguments, report
from simclr_utils.cli import notebooks as headless
from simclr_utils.cli.run_folder import RunError, describe_source, open_run
from simclr_utils.data import dataset
from simclr_utils.evaluation.results import Results

PARAMETERS = 'source = "glyphs"\npreset = "quick"\nseed = 0\nrun_dir = None\n'
PICTURE = "from PIL import Image\nfrom IPython.display import Image as Show\n"
PICTURE += 'Image.new("RGB", (2, 2)).save("{}")\nShow("{}")'
MEASURE = """from simclr_utils import Results
results = Results(run_dir + "/results.csv", dataset=source, preset=preset, fingerprint="f")
for subset in range(3):
    results.add(method="knn", labels=500, subset_seed=subset, metric="accuracy", value=0.5)
results.add(method="knn", labels=100, metric="accuracy", value=0.4, low=0.3, high=0.5)
results.add(method="chance", labels=100, metric="accuracy", value=0.1)"""


def write_notebook(folder, name, *sources, extra=""):
    cells = [new_markdown_cell("# Title"), new_code_cell(PARAMETERS + extra)]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [new_code_cell(source) for source in sources]
    kernel = {"name": "gone", "display_name": "gone", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / name)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "the notebooks"
    folder.mkdir()
    picture = tmp_path / "picture.png"
    write_notebook(folder, "01_first.ipynb", "print(epochs)", extra="epochs = 1\n")
    write_notebook(folder, "02_second.ipynb", PICTURE.format(picture, picture), MEASURE)
    return folder


def stdout(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


def test_settings_reach_the_notebooks_in_one_parameter(folder, capsys):
    write_notebook(folder, "03_third.ipynb", "print(settings)", extra="settings = {}\n")
    settings = {"epochs": 7, "temperature": 0.3, "crop_limit": 2000}
    with pytest.raises(RunError, match="crop_limit"):
        headless.run(arguments.select_notebooks(folder), preset="tiny", settings=settings)
    settings.pop("crop_limit")
    assert headless.run(arguments.select_notebooks(folder), preset="tiny", settings=settings)
    run_dir = folder.parent / "runs" / "glyphs-tiny"
    assert stdout(run_dir / "notebooks" / "01_first.ipynb") == "7\n"
    cache = str(folder.parent / "runs" / "cache")
    passed = {"cache_dir": cache, "temperature": 0.3}
    assert stdout(run_dir / "notebooks" / "03_third.ipynb") == f"{passed}\n"
    assert "do not use" not in capsys.readouterr().out


def test_a_run_leaves_everything_and_prints_the_table(folder, capsys):
    notebooks = arguments.select_notebooks(folder)
    assert headless.run(notebooks, preset="tiny", seed=3, settings={"epochs": 7})
    run_dir = folder.parent / "runs" / "glyphs-tiny"
    assert stdout(run_dir / "notebooks" / "01_first.ipynb") == "7\n"
    assert (run_dir / "html" / "02_second.html").stat().st_size > 1000
    figures = sorted(path.name for path in (run_dir / "figures").iterdir())
    assert figures == ["02_second-01.png", "accuracy.png"]
    record = files.load_json(run_dir / "run.json")
    assert record["settings"] == {"epochs": 7} and record["seed"] == 3
    assert len(record["notebooks"]["01_first"]["cells"]) == 3  # with the injected parameters
    assert record["provenance"]["versions"]["python"]
    printed = capsys.readouterr().out
    table = printed[printed.index("accuracy on glyphs") :].splitlines()
    assert table[1].split() == ["labels", "100", "500"]
    # Three subsets in a preset made for speed: means in percent, and no interval.
    assert table[2].split() == ["SimCLR", "+", "kNN", "40.0", "50.0"]
    assert table[3].split() == ["most", "frequent", "class", "10.0"]
    assert printed.rstrip().endswith("index.html")
    page = (run_dir / "index.html").read_text()
    assert page.index("<td>40.0</td>") < page.index("<img alt=") < page.index("Provenance")
    picture = base64.b64encode((run_dir / "figures" / "accuracy.png").read_bytes()).decode()
    assert f'src="data:image/png;base64,{picture}"' in page
    assert 'href="html/01_first.html"' in page
    assert page.count("src=") == 1 and "http" not in page


def test_the_cache_lies_beside_the_run_unless_it_is_named(folder):
    write_notebook(folder, "01_first.ipynb", "print(cache_dir)", extra='cache_dir = "x"\n')
    notebooks = arguments.select_notebooks(folder, "1")
    for out, settings, expected in (
        ("far/run", {}, folder.parent / "far" / "cache"),
        # Relative to where the command was given, not to the notebooks.
        ("far/other", {"cache_dir": "mine"}, folder.parent / "mine"),
        ("far/third", {"cache_dir": "~/mine"}, Path.home() / "mine"),
    ):
        assert headless.run(notebooks, settings=settings, out=out)
        printed = stdout(folder.parent / out / "notebooks" / "01_first.ipynb")
        assert printed == f"{expected}\n"


def test_a_second_run_gets_a_folder_of_its_own(folder):
    notebooks = arguments.select_notebooks(folder, "1")
    for _ in range(3):
        assert headless.run(notebooks)
    names = sorted(path.name for path in (folder.parent / "runs").iterdir())
    assert names == ["glyphs-quick", "glyphs-quick-2", "glyphs-quick-3"]


def test_a_failing_cell_is_named_last_and_the_rest_is_kept(folder, capsys):
    write_notebook(folder, "02_second.ipynb", "print('before')", "1 / 0", "print('after')")
    assert not headless.run(arguments.select_notebooks(folder), out="here")
    printed = capsys.readouterr()
    error = printed.err.rstrip().splitlines()[-1]
    assert "02_second.ipynb failed in cell [4]" in error
    assert "ZeroDivisionError: division by zero" in error
    # What ran to its end, such as a pretraining, is not to be run again.
    where = folder.parent / "here"
    assert f"with --out {where} --notebooks 02 to continue" in printed.out
    assert stdout(folder.parent / "here" / "notebooks" / "02_second.ipynb") == "before\n"
    assert (folder.parent / "here" / "html" / "02_second.html").exists()
    record = files.load_json(folder.parent / "here" / "run.json")
    assert "ZeroDivisionError" in record["notebooks"]["02_second"]["failure"]


def test_a_cell_that_hangs_is_stopped_and_named(folder, monkeypatch, capsys):
    write_notebook(folder, "01_first.ipynb", "import time", "time.sleep(60)")
    monkeypatch.setitem(headless.CELL_TIMEOUTS, "tiny", 2)
    assert not headless.run(arguments.select_notebooks(folder, "1"), preset="tiny")
    error = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "01_first.ipynb failed in cell [4]" in error and "longer than 2 seconds" in error


def test_the_same_run_continues_and_replaces_its_rows(folder):
    for selection in ("2", "1-2"):
        assert headless.run(arguments.select_notebooks(folder, selection), out="here")
    run_dir = folder.parent / "here"
    with open(run_dir / "results.csv") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert set(files.load_json(run_dir / "run.json")["notebooks"]) == {"01_first", "02_second"}


@pytest.mark.parametrize("change", [{"seed": 1}, {"preset": "full"}, {"settings": {"epochs": 2}}])
def test_another_run_in_the_same_folder_is_refused(folder, change):
    notebooks = arguments.select_notebooks(folder, "1")
    assert headless.run(notebooks, out="here")
    before = (folder.parent / "here" / "run.json").read_bytes()
    name = "epochs" if "settings" in change else next(iter(change))
    with pytest.raises(RunError, match=f"{name} is .* there and .* here"):
        headless.run(notebooks, out="here", **change)
    assert (folder.parent / "here" / "run.json").read_bytes() == before


def test_what_only_adds_to_a_run_may_change(folder):
    more = "label_counts = None\nnum_subsets = 1\n"
    write_notebook(folder, "01_first.ipynb", "print(num_subsets)", extra=more)
    notebooks = arguments.select_notebooks(folder, "1")
    assert headless.run(notebooks, out="here")
    settings = {"num_subsets": 5, "label_counts": [50]}
    assert headless.run(notebooks, settings=settings, out="here")
    assert stdout(folder.parent / "here" / "notebooks" / "01_first.ipynb") == "5\n"
    assert files.load_json(folder.parent / "here" / "run.json")["settings"] == settings


def test_a_run_goes_on_with_the_settings_of_its_earlier_part(folder, capsys):
    for selection in ("1", "2"):  # the second notebook has no parameter of that name
        notebooks = arguments.select_notebooks(folder, selection)
        assert headless.run(notebooks, settings={"epochs": 9}, out="here")
        said = capsys.readouterr().out
        assert ("These notebooks do not use: epochs." in said) == (selection == "2")


def test_a_verdict_is_named_at_the_end(folder, capsys):
    notebooks = arguments.select_notebooks(folder, "1")
    assert headless.run(notebooks, out="here")
    assert "Verdict" not in capsys.readouterr().out
    page = folder.parent / "here" / "verdict.html"
    page.touch()
    assert headless.run(notebooks, out="here")
    assert capsys.readouterr().out.rstrip().endswith(f"Verdict: {page}")


def test_what_notebooks_write_into_the_record_stays(folder):
    note = "from simclr_utils import files\nfiles.update_json(run_dir + '/run.json', study='mine')"
    write_notebook(folder, "01_first.ipynb", note)
    assert headless.run(arguments.select_notebooks(folder), out="here")
    record = files.load_json(folder.parent / "here" / "run.json")
    assert record["study"] == "mine" and set(record["notebooks"]) == {"01_first", "02_second"}
    assert record["source"] == "glyphs" and record["from_folder"] is False


KNOWS = ("encoder", "width", "operations", "cache_dir")
RUN = {"architecture": "resnet18", "labels": 200, "operations": {"crop": 0.5}, "cache_dir": "/a"}


def test_a_study_continues_in_the_folder_of_a_run(tmp_path):
    run = {"source": "pool", "from_folder": True, "preset": "tiny", "seed": 3, "settings": RUN}
    open_run(run, tmp_path / "run")
    (tmp_path / "run" / "encoders").mkdir()
    settings = {"encoder": "resnet18", "operations": [["crop", 0.5]], "cache_dir": "/b"}
    study = {"source": "pool", "from_folder": True, "preset": "tiny", "settings": settings}
    folder, record = open_run(study, tmp_path / "run", KNOWS)
    assert record["seed"] == 3 and record["settings"] == {**RUN, **settings}
    files.save_json(folder / "run.json", record)
    assert open_run(run, tmp_path / "run")[0] == folder  # and the run after the study
    for change, said in (
        ({"preset": "full"}, "preset is 'tiny' there and 'full' here"),
        ({"source": "other"}, "source is 'pool' there and 'other' here"),
        ({"settings": {**settings, "width": 4}}, "width is None there and 4 here"),
        ({"settings": {"operations": {"crop": 0.5}}}, "encoder is 'resnet18' there and None here"),
    ):
        with pytest.raises(RunError, match=said):
            open_run({**study, **change}, tmp_path / "run", KNOWS)
    with pytest.raises(RunError, match="seed is 3 there and 0 here"):
        open_run({**run, "seed": 0}, tmp_path / "run")


def test_a_folder_of_notebooks_run_by_hand_is_continued(tmp_path):
    files.save_json(tmp_path / "run.json", {"study": {"preset": "tiny"}})
    (tmp_path / "encoders").mkdir()
    record = {"source": "shapes", "preset": "tiny", "settings": {"width": 4}}
    assert open_run(record, tmp_path, KNOWS)[1]["study"] == {"preset": "tiny"}


def test_folders_are_known_by_their_name(tmp_path):
    (tmp_path / "pool").mkdir()
    name = {"source": "pool", "from_folder": True}
    assert describe_source(str(tmp_path / "pool")) == name
    assert describe_source("cifar10") == {"source": "cifar10", "from_folder": False}


def test_a_folder_of_somebody_else_is_refused(folder):
    (folder.parent / "thesis").mkdir()
    (folder.parent / "thesis" / "chapter.tex").touch()
    with pytest.raises(RunError, match="is not a folder of this course"):
        headless.run(arguments.select_notebooks(folder), out="thesis")
    assert [path.name for path in (folder.parent / "thesis").iterdir()] == ["chapter.tex"]


def test_a_setting_that_no_notebook_has_lists_those_there_are(folder):
    with pytest.raises(RunError, match="parameter 'epoch'. The parameters are epochs"):
        headless.run(arguments.select_notebooks(folder), settings={"epoch": 1})
    assert not (folder.parent / "runs").exists()


def test_settings_are_literals_or_strings():
    parsed = arguments.parse_settings(["a=0.5", "b=None", "c=cosine", "d=(1, 2)", "e=x=y", "f='3'"])
    expected = {"a": 0.5, "b": None, "c": "cosine", "d": [1, 2], "e": "x=y", "f": "3"}
    assert parsed == expected
    for wrong in ("epochs", "=3", "two words=1", "seed=1"):
        with pytest.raises(RunError, match="is not a setting"):
            arguments.parse_settings([wrong])


def test_selections(folder):
    write_notebook(folder, "04_fourth.ipynb")

    def names(selection):
        return [path.name[:2] for path in arguments.select_notebooks(folder, selection)]

    assert names("") == ["01", "02", "04"]
    assert names("04,1") == ["01", "04"]
    assert names("01-02") == ["01", "02"]
    assert names("02-09") == ["02", "04"]  # a range may have gaps
    for wrong in ("03", "05-09", "2-1", "first", "1,"):
        with pytest.raises(RunError, match="notebook"):
            names(wrong)
    with pytest.raises(RunError, match="no notebooks in"):
        arguments.select_notebooks(folder / "empty")


def test_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    assert arguments.resolve_source("images") == str(tmp_path / "images")
    assert arguments.resolve_source("medmnist:pathmnist") == "medmnist:pathmnist"
    # Notebooks work in another folder, so a file's path is made absolute.
    for given in ("medmnist:my.npz", "my.npz"):
        assert arguments.resolve_source(given) == f"medmnist:{tmp_path / 'my.npz'}"
    with pytest.raises(RunError, match="There is no folder .*imagse.*cifar10"):
        arguments.resolve_source("imagse")


def test_the_named_sources_are_those_that_datasets_knows():
    assert set(parameters.NAMED_SOURCES) == {name for name in dataset.SOURCES if "<" not in name}


def test_only_the_newest_images_of_this_preset_are_in_the_table(tmp_path):
    results = Results(tmp_path / "results.csv", dataset="d", labels=10, metric="m")
    results.add(method="knn", value=0.1, preset="quick", fingerprint="old")
    results.add(method="knn", value=0.2, preset="quick", fingerprint="new")
    results.add(method="knn", value=0.3, preset="full", fingerprint="other")
    tables = report.results_tables(results.frame(), "quick")
    assert tables["m on d, in %"].to_dict() == {10: {"SimCLR + kNN": "20.0"}}
    tables = report.results_tables(results.frame(), "full")
    assert tables["m on d, in %"].to_dict() == {"10 labels": {"knn": "30.0"}}


def test_a_table_has_the_label_of_its_metric(tmp_path):
    results = Results(tmp_path / "results.csv", dataset="d", labels=10, preset="quick")
    results.add(method="knn", value=0.2, metric="auroc", fingerprint="f")
    assert list(report.results_tables(results.frame(), "quick")) == ["AUROC on d, in %"]


def test_the_command_line(folder, monkeypatch, capsys):
    monkeypatch.setattr("simclr_utils.__main__.NOTEBOOKS", folder)
    assert main(["run", "--notebooks", "01", "--set", "epochs=9", "--out", "here"]) == 0
    assert stdout(folder.parent / "here" / "notebooks" / "01_first.ipynb") == "9\n"
    assert main(["run", "--notebooks", "01", "--source", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("error: There is no folder")
    (folder.parent / "file").touch()  # where no folder can be made
    assert main(["run", "--notebooks", "01", "--out", "file/run"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and error[0].startswith("error: ") and "file" in error[0]
    write_notebook(folder, "01_first.ipynb", "raise RuntimeError('no')")
    assert main(["run", "--notebooks", "01"]) == 1
    with pytest.raises(SystemExit):
        build_parser().parse_args(["run", "--preset", "huge"])


REFUSE = "if epochs > 5:\n    raise ValueError('too many')"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "raise OSError(28, 'No space left on device')",
            "To continue, repeat the command with --out",
        ),
        ("raise KeyboardInterrupt", "To continue, repeat the command with --out"),
        ("raise ValueError('no images')", "start again. You can use --out {} again"),
        ("raise FileNotFoundError('no encoder')", "start again. You can use --out {} again"),
    ],
)
def test_only_what_can_be_continued_is_said_to_continue(folder, capsys, code, said):
    write_notebook(folder, "01_first.ipynb", code)
    assert not headless.run(arguments.select_notebooks(folder, "1"), out="here")
    printed = capsys.readouterr().out
    assert said.format(folder.parent / "here") in printed
    assert ("To continue" in printed) == ("To continue" in said)


def test_a_corrected_command_may_have_the_same_folder(folder):
    write_notebook(folder, "01_first.ipynb", REFUSE, extra="epochs = 1\n")
    notebooks = arguments.select_notebooks(folder, "1")
    assert not headless.run(notebooks, settings={"epochs": 7}, out="here")
    assert headless.run(notebooks, settings={"epochs": 3}, out="here")
    assert files.load_json(folder.parent / "here" / "run.json")["settings"] == {"epochs": 3}
    with pytest.raises(RunError, match="belongs to another run"):  # it does now
        headless.run(notebooks, settings={"epochs": 4}, out="here")


def test_a_folder_with_a_checkpoint_belongs_to_its_run(folder):
    write_notebook(folder, "01_first.ipynb", "raise KeyboardInterrupt", extra="epochs = 1\n")
    notebooks = arguments.select_notebooks(folder, "1")
    assert not headless.run(notebooks, settings={"epochs": 7}, out="here")
    (folder.parent / "here" / "encoders" / "0" / "checkpoints").mkdir(parents=True)
    with pytest.raises(RunError, match="belongs to another run"):
        headless.run(notebooks, settings={"epochs": 3}, out="here")


FIND = """import json, pathlib
made = {"findings": ["nothing learned: the loss is <4.1>. Cure: another."]}
encoder = pathlib.Path(run_dir) / "encoders" / "0"
encoder.mkdir(parents=True)
(encoder / "encoder.json").write_text(json.dumps(made))"""


@pytest.mark.parametrize("end", ["print('end')", "1 / 0"])
def test_what_the_run_doctor_found_reaches_the_terminal_and_the_report(folder, capsys, end):
    write_notebook(folder, "01_first.ipynb", FIND, end)
    finished = headless.run(arguments.select_notebooks(folder, "1"), out="here")
    finding = "The run doctor on encoder 0: nothing learned: the loss is <4.1>."
    assert finding in capsys.readouterr().out
    if finished:
        page = (folder.parent / "here" / "index.html").read_text(encoding="utf-8")
        assert "nothing learned: the loss is &lt;4.1&gt;." in page


@pytest.mark.parametrize("name", parameters.NAMED_SOURCES)
def test_a_folder_that_is_called_like_a_data_set_is_no_guess(tmp_path, monkeypatch, name):
    (tmp_path / "here" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for ask in (arguments.resolve_source, dataset.load_dataset):
        with pytest.raises(ValueError, match=rf"'{name}' is ambiguous.*For the folder write \./"):
            ask(name)
    folder = str(tmp_path / "here" / name)
    for path in (f"./{name}", folder, f"../here/{name}", f"{name}/"):
        assert arguments.resolve_source(path) == folder
    for path in (f"./{name}", Path(name), folder):  # a Path has no ./, and is a folder all the same
        with pytest.raises(ValueError, match="train/"):
            dataset.load_dataset(path)
    monkeypatch.chdir(tmp_path)
    assert arguments.resolve_source(name) == name


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/data/con.images", "con-images-tiny"),
        ("/data/" + "x" * 250, "x" * 60 + "-tiny"),
        ("/data/.hidden", "hidden-tiny"),
        ("/data/a b/c:d*?", "c-d-tiny"),
        ("/data/\u0444\u043e\u0442\u043e", "\u0444\u043e\u0442\u043e-tiny"),
        ("/", "images-tiny"),
    ],
)
def test_any_source_gives_a_name_that_a_folder_can_have(folder, source, expected):
    run_dir, _ = open_run({"source": source, "preset": "tiny", "settings": {}})
    assert run_dir == folder.parent / "runs" / expected


def test_a_terminal_without_the_letters_ends_no_run(tmp_path):
    """Western letters only, as in Windows' older terminals; the error names a Cyrillic folder."""
    folder = "\u0444\u043e\u0442\u043e"
    command = [sys.executable, "-m", "simclr_utils", "run", "--source", folder]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 2
    assert rb"\u0444\u043e\u0442\u043e" in done.stderr and b"Traceback" not in done.stderr


def test_a_kernel_that_dies_is_named(folder, capsys):
    write_notebook(folder, "01_first.ipynb", "import os", "os._exit(1)")
    assert not headless.run(arguments.select_notebooks(folder, "1"), preset="tiny")
    error = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "01_first.ipynb failed in cell [4]" in error and "the kernel died" in error
