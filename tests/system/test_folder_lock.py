"""Two runs never write into one folder, and a killed one leaves it free."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from simclr_utils.__main__ import main
from simclr_utils.system.folder_lock import FolderInUseError, hold, hold_when_free

HOLD = "import sys, time\nfrom simclr_utils.system.folder_lock import hold\n"
HOLD += "file = hold(sys.argv[1])\nprint('held', flush=True)\ntime.sleep(600)"


@pytest.fixture
def other_process(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_held_folder_is_refused_until_its_process_is_gone(other_process, tmp_path):
    with pytest.raises(FolderInUseError, match="Another run is writing into"):
        hold(tmp_path)
    other_process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    other_process.wait()
    hold(tmp_path).close()


def test_waiting_ends_when_the_other_process_does(other_process, tmp_path):
    threading.Timer(1.5, other_process.kill).start()
    started = time.monotonic()
    with hold_when_free(tmp_path):
        assert time.monotonic() - started > 1
        with pytest.raises(FolderInUseError):
            hold(tmp_path)
    hold(tmp_path).close()


@pytest.mark.skipif(os.name == "nt", reason="another call there")
def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    hold(tmp_path).close()
    assert "does not support locks (No locks available)" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "study"])
def test_a_second_run_says_so_and_changes_nothing(command, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    record = '{"kind": "%s", "source": "shapes", "preset": "tiny", "seed": 0, "settings": {}}'
    (folder / "run.json").write_text(record % command)
    before = (folder / "run.json").read_bytes()
    with hold(folder):
        assert main([command, "--preset", "tiny", "--out", str(folder)]) == 2
    assert "Another run is writing into" in capsys.readouterr().err
    assert (folder / "run.json").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "run.json"]
