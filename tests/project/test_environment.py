"""One list of dependencies, held together with the constraints, conda's file and the Makefile."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def constraint_problems(text, requirements):
    """Returns sentences on addresses, loose versions, and requirements that are not fixed."""
    problems, pins = [], {}
    for line in text.splitlines():
        if "://" in line or "@" in line or line.startswith("-"):
            problems.append(f"an address or option: {line}")
            continue
        pin = Requirement(line)
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
        if [part.operator for part in pin.specifier] != ["=="]:
            problems.append(f"no exact version: {line}")
    for requirement in map(Requirement, requirements):
        for python in PYTHONS:
            where = {"python_version": python, "python_full_version": f"{python}.9"}
            fixed = [
                pin
                for pin in pins.get(canonicalize_name(requirement.name), [])
                if pin.marker is None or pin.marker.evaluate(where)
            ]
            versions = [next(iter(pin.specifier)).version for pin in fixed]
            if len(versions) != 1 or versions[0] not in requirement.specifier:
                problems.append(f"{requirement} on Python {python} is fixed to {versions}")
    return problems


def requirements():
    extras = PROJECT["optional-dependencies"]
    names = ("dev", "stl10", "browser", "book")
    return [*PROJECT["dependencies"], *(each for name in names for each in extras[name])]


def test_constraints_fix_every_dependency():
    assert constraint_problems(CONSTRAINTS, requirements()) == []


@pytest.mark.parametrize(
    "line, said",
    [
        ("--index-url https://example.org/simple", "an address"),
        ("thing @ https://example.org/thing.whl", "an address"),
        ("thing>=1.0", "no exact version"),
        ("keras==1.0", "is fixed to"),
        ("", "fixed to []"),
    ],
)
def test_bad_constraints_are_found(line, said):
    problems = constraint_problems(line, ["keras>=3.12"])
    assert any(said in problem for problem in problems)


def pythons_refused(text):
    """Returns sentences on pins for Pythons that the package, as installed here, does not allow."""
    problems = []
    for pin in map(Requirement, text.splitlines()):
        try:
            package = metadata.metadata(pin.name)
        except metadata.PackageNotFoundError:
            continue
        if package["Version"] not in pin.specifier:
            continue  # the pin for another Python than this one
        for python in PYTHONS:
            where = {"python_version": python, "python_full_version": f"{python}.9"}
            meant = pin.marker is None or pin.marker.evaluate(where)
            if meant and f"{python}.9" not in SpecifierSet(package["Requires-Python"] or ""):
                needed = package["Requires-Python"]
                problems.append(f"{pin} is pinned on Python {python} and needs {needed}")
    return problems


def test_every_pin_can_be_installed_on_its_pythons():
    """A pin that was written by hand, after an environment, fits that environment's Python."""
    assert pythons_refused(CONSTRAINTS) == []


def test_a_pin_for_a_python_that_it_does_not_fit_is_found(monkeypatch):
    package = {"Version": "1.0", "Requires-Python": ">=3.11"}
    monkeypatch.setattr(metadata, "metadata", lambda name: package)
    assert pythons_refused("thing==1.0 ; python_full_version >= '3.11'\nthing==0.9") == []
    (problem,) = pythons_refused("thing==1.0")
    assert problem == "thing==1.0 is pinned on Python 3.10 and needs >=3.11"


def test_the_promised_pythons_are_the_same_everywhere():
    script = (ROOT / "tools" / "try_versions.py").read_text()
    assert f"PYTHONS = {PYTHONS}".replace("'", '"') in script
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.0" in allowed] == list(PYTHONS)
    named = [line.split()[-1] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert named == list(PYTHONS)


def environment_problems(text):
    """Returns sentences on where conda's file departs from pyproject.toml."""
    environment = yaml.safe_load(text)
    problems = []
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    if pip != ["-c constraints.txt", "-e .[dev]"]:
        problems.append(f"pip installs {pip}")
    if sorted(re.match(r"\w+", entry)[0] for entry in conda) != ["pip", "python"]:
        problems.append(f"conda installs {conda}")
    python = next(entry for entry in conda if entry.startswith("python"))
    if SpecifierSet(python.removeprefix("python")) != SpecifierSet(PROJECT["requires-python"]):
        problems.append(f"{python} is not {PROJECT['requires-python']}")
    return problems


def test_conda_installs_from_pyproject():
    text = (ROOT / "environment.yml").read_text()
    assert yaml.safe_load(text)["name"] == "simclr"
    assert environment_problems(text) == []


@pytest.mark.parametrize(
    "old, new",
    [
        ("<3.14", "<3.13"),
        ("-e .[dev]\n", "-e .[dev]\n      - numpy==1.0\n"),
        ("- pip\n", "- pip\n  - numpy\n"),
        ("-c constraints.txt", "-c other.txt"),
    ],
)
def test_a_conda_file_that_departs_is_found(old, new):
    text = (ROOT / "environment.yml").read_text()
    assert old in text and environment_problems(text.replace(old, new))


def test_what_conda_and_make_install_is_the_same():
    script = (ROOT / "tools" / "create_environment.sh").read_text()
    assert '-c constraints.txt -e ".[dev]"' in script


def make(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", *arguments],
        capture_output=True,
        text=True,
        env={**environment, **variables},
    )


def test_make_alone_prints_help():
    done = make()
    assert done.returncode == 0
    for target in ("run", "test", "lab", "refresh NB=03", "constraints", "clean-environment"):
        assert f"make {target}" in done.stdout


def test_make_passes_arguments_on():
    done = make("--dry-run", "run", 'ARGS=--source "/my folder" --preset full')
    assert '-m simclr_utils run --source "/my folder" --preset full' in done.stdout


def fake_python(folder, name, minor, has_venv=True):
    """Writes a program that answers the questions of create_environment.sh as a Python would."""
    path = folder / name
    path.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --version ]; then echo "Python 3.{minor}.0"; exit; fi\n'
        'case "$2" in\n'
        f'*print*) echo "3.{minor}";;\n'
        f"*version_info*) exit {int(not 10 <= minor <= 13)};;\n"
        f"*ensurepip*) exit {int(not has_venv)};;\n"
        '*) echo "used $0 $*" >&2; exit 9;;\n'
        "esac\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def create(tmp_path):
    """Runs create_environment.sh where only the fake Pythons of `tmp_path` are to be found."""
    for tool in ("sh", "dirname", "rm"):
        found = next(p for p in ("/bin", "/usr/bin") if os.path.exists(f"{p}/{tool}"))
        (tmp_path / tool).symlink_to(f"{found}/{tool}")

    def run(**variables):
        return subprocess.run(
            ["/bin/sh", str(ROOT / "tools" / "create_environment.sh"), str(tmp_path / "venv")],
            capture_output=True,
            text=True,
            env={"PATH": str(tmp_path), **variables},
        )

    return run


def test_no_python_that_fits_is_one_sentence(create, tmp_path):
    done = create()
    assert done.returncode == 1
    assert re.fullmatch(r"error: Python 3.10 to 3.13 is needed, .*nothing.*\n", done.stderr)
    fake_python(tmp_path, "python3", 14)
    done = create()
    assert done.returncode == 1
    assert re.fullmatch(r"error: .* python3 is Python 3.14.0: install one.*\n", done.stderr)


def test_no_venv_module_is_one_sentence(create, tmp_path):
    fake_python(tmp_path, "python3", 11, has_venv=False)
    done = create()
    assert done.returncode == 1
    assert re.fullmatch(r"error: python3 cannot make .*python3.11-venv.*\n", done.stderr)


def test_the_first_python_that_fits_is_taken(create, tmp_path):
    fake_python(tmp_path, "python3", 9)
    fake_python(tmp_path, "python3.13", 13, has_venv=False)
    fake_python(tmp_path, "python3.12", 12)
    fake_python(tmp_path, "python3.10", 10)
    assert (
        f"used {tmp_path}/python3.12 -m venv --clear --without-pip {tmp_path}/venv"
        in create().stderr
    )


def test_a_named_python_is_taken_or_refused(create, tmp_path):
    fake_python(tmp_path, "python3", 12)
    mine = fake_python(tmp_path, "mine", 10)
    assert f"used {mine} -m venv" in create(PYTHON=str(mine)).stderr
    old = fake_python(tmp_path, "old", 9)
    done = create(PYTHON=str(old))
    assert done.returncode == 1 and f"{old} is Python 3.9.0" in done.stderr
