"""The notebook of the manual, run as its reader runs it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "docs" / "results.ipynb"

pytestmark = [
    pytest.mark.one_hydra,
    # jupyter_client's and zmq's own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_the_notebook_runs_and_shows_the_frontier_and_axs_analyses(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)  # outputs are what the reader's own run makes
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    shown = {cell["id"]: " ".join(map(str, cell.get("outputs", []))) for cell in notebook.cells}
    assert "12 completed" in shown["cell-1"]
    assert "accuracy" in shown["cell-4"]
    for plot in ("cell-5", "cell-8"):
        assert "plotly" in shown[plot].lower()
    assert "Objective(name='accuracy', minimize=False, threshold=0.5)" in shown["cell-10"]
    assert "Cross-validation" in shown["cell-12"] or "Cross Validation" in shown["cell-12"]
    assert "accuracy" in shown["cell-13"]
