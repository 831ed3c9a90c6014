"""Every Python block of the README and the usage page runs as it stands."""

import re
from pathlib import Path

import brian2
import pytest

ROOT = Path(__file__).resolve().parents[2]


def blocks(name):
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def test_usage_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")  # nothing to compile for a few steps
    names = {}
    for block in blocks("docs/USAGE.md"):
        exec(block, names)  # noqa: S102
    assert names["more"].first_step == 5000
    assert (tmp_path / "run.h5").is_file()


def test_a_brian2_script_and_its_declaration_spike_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(brian2.prefs, "codegen.target", "numpy")
    page = (ROOT / "docs/howto/from_brian2.md").read_text(encoding="utf-8")
    names = {}
    for cell in re.findall(r"```{code-cell} ipython3\n(.*?)```", page, re.DOTALL):
        exec(cell, names)  # noqa: S102
    assert len(names["results"].spike_step) > 500
    assert names["same"]


@pytest.mark.slow
@pytest.mark.parametrize("block", blocks("README.md"))
def test_readme(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(block, {})  # noqa: S102
