"""JupyterLab on this machine, and a real Chromium that opens it."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Nothing here talks to the network, so Chromium need not try.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
START_SECONDS = 90


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A copy of the notebooks on the preset `tiny`, beside the data they load."""
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").mkdir()
    (root / "data").symlink_to(ROOT / "data")
    # Copied, because Jupyter serves no picture that a link leads to.
    shutil.copytree(ROOT / "results", root / "results")
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        text = path.read_text(encoding="utf-8")
        tiny = text.replace('preset: str = \\"quick\\"', 'preset: str = \\"tiny\\"')
        assert tiny != text, path
        (root / "notebooks" / path.name).write_text(tiny, encoding="utf-8")
    shutil.copy(ROOT / "notebooks" / "welcome.md", root / "notebooks")
    return root


@pytest.fixture(scope="session")
def lab(course, tmp_path_factory):
    """The address of a JupyterLab on this machine that serves the copy, and its token."""
    token, home = secrets.token_hex(16), tmp_path_factory.mktemp("jupyter")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    environment = {**os.environ, "IPYTHONDIR": str(home / "ipython")}
    environment |= {f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in folders.items()}
    environment["JUPYTER_CONFIG_PATH"] = str(ROOT / "tools" / "jupyter")  # as `make lab` does
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(home / "workspaces")
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={course}", "--expose-app-in-browser"]
    command += ["--LabApp.extension_manager=readonly"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with open(home / "log.txt", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            wait_for_port(port, server, home / "log.txt")
            yield f"http://127.0.0.1:{port}", token
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for_port(port, server, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian's package is `chromium`)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """A function that returns an empty page, which lists its errors in `problems`."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1400})

    def make():
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda line: page.problems.append(line.text) if line.type == "error" else None,
        )
        return page

    yield make
    context.close()


@pytest.fixture
def open_notebook(new_page, lab):
    """A function of a notebook's name that opens it, runs it to the end, and returns the page."""
    address, token = lab
    pages = []

    def run(name, seconds=300):
        page = new_page()
        page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token={token}&reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        page.wait_until_idle = lambda: page.wait_for_function(IS_IDLE, timeout=60_000)
        page.wait_until_idle()
        # Its promise is not awaited: it is kept when the last cell is done, which is polled.
        page.evaluate(
            "() => { window.ended = ''; window.jupyterapp.commands"
            ".execute('notebook:run-all-cells')"
            ".then(() => { window.ended = 'well'; }, why => { window.ended = String(why); }); }"
        )
        page.wait_for_function("() => window.ended", timeout=1000 * seconds)
        assert page.evaluate("() => window.ended") == "well"
        failed = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
        assert not any("Error" in text for text in failed), failed
        pages.append(page)
        return page

    yield run
    for page in pages:  # a kernel with TensorFlow outlives its page otherwise
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


# Synchronous on purpose: a promise counts as true at once.
IS_IDLE = """() => {
    const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
    const session = panel && panel.sessionContext && panel.sessionContext.session;
    return Boolean(session && session.kernel && session.kernel.status === 'idle');
}"""
