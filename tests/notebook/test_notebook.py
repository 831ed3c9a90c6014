"""In a notebook: a figure appears once and without pyplot, a bar moves, and an interrupt keeps what was reached."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="the notebook is executed by nbclient")
nbformat = pytest.importorskip("nbformat", reason="the notebook is executed by nbclient")
pytest.importorskip("ipykernel", reason="the notebook needs a kernel")

CELLS = [
    """
import sys
from synthetic import synthetic_results
print("matplotlib.pyplot" in sys.modules)
synthetic_results(seconds=0.2).plot()
""",
    """
import numpy as np
from tension_sim import ForceNetwork, Simulation
simulation = Simulation(ForceNetwork.random("lif", n=5, seed=1), target="numpy", name="small <network>")
results = simulation.run(np.zeros(2000), progress=True)
""",
    "results",
    """
import os, signal
from tension_sim.system.progress import Bar
sent = []
with Bar("long") as bar:
    def progress(done, total):
        bar(done, total)
        if done and not sent:  # what Jupyter's button sends
            sent.append(done)
            os.kill(os.getpid(), signal.SIGINT)
    partial = simulation.run(np.zeros(1_000_000), progress=progress)
""",
    "print(partial.interrupted, 0 < len(partial.output) == partial.n_steps < 1_000_000)",
    "import matplotlib.pyplot as plt\nplt.get_fignums(), results.plot_weights()",
    "results.plot_raster()",
]


@pytest.fixture(scope="module")
def cells() -> list:
    root = Path(__file__).resolve().parents[2]
    places = os.pathsep.join(map(str, (root, root / "tests")))
    environment = os.environ | {"PYTHONPATH": places, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in CELLS])
    client = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120)
    client.execute(env=environment)
    return notebook.cells


def data(cell):
    return [output.data for output in cell.outputs if "data" in output]


def test_a_bar_ends_full(cells):
    (bar,) = data(cells[1])
    assert bar["text/html"].startswith('<progress value="2000" max="2000"')
    assert "small &lt;network&gt; 100 %" in bar["text/html"]
    assert bar["text/plain"].startswith("small <network> 100 %")


def test_a_figure_appears_once_without_pyplot(cells):
    (figure,) = data(cells[0])
    assert base64.b64decode(figure["image/png"])[1:4] == b"PNG"
    assert cells[0].outputs[0].text == "False\n"


def test_results_are_a_small_table(cells):
    (shown,) = data(cells[2])
    assert shown["text/html"].startswith("<table><caption>Results</caption>") and len(shown["text/html"]) < 2000


def test_an_interrupt_keeps_what_was_reached(cells):
    assert cells[4].outputs[0].text == "True True\n"
    (bar,) = data(cells[3])
    assert 'max="1000000"' in bar["text/html"] and "100 %" not in bar["text/plain"]


def test_with_pyplot_a_figure_appears_once_too(cells):
    (figure,) = data(cells[6])
    assert "image/png" in figure
    assert len(cells[6].outputs) == 1
    assert data(cells[5])[0]["text/plain"].startswith("([], <")
