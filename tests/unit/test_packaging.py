"""The wheel holds what the checkout holds, and works from a folder of its own."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import tension_sim

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel, built from the checkout and unpacked."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"tension_sim-{tension_sim.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files(folder, pattern="*"):
    found = (p.relative_to(folder) for p in folder.rglob(pattern) if p.is_file())
    return {p for p in found if "__pycache__" not in p.parts}


def test_wheel_holds_package_templates_and_data(unpacked):
    assert files(unpacked / "tension_sim") - {
        p for p in files(unpacked / "tension_sim") if p.parts[0] == "_data"
    } == files(ROOT / "tension_sim")
    for kind in ("equations", "models"):
        mine = files(unpacked / "tension_sim" / "_data" / kind)
        assert len(mine) > 3
        assert mine == files(ROOT / kind)


def test_wheel_holds_nothing_else(unpacked):
    names = {p.name for p in unpacked.iterdir()}
    assert names == {"tension_sim", f"tension_sim-{tension_sim.__version__}.dist-info"}


def test_metadata_names_addresses_of_others_alone(unpacked):
    """This repository has no public address: no link may claim one."""
    text = next(unpacked.glob("*.dist-info/METADATA")).read_text(encoding="utf-8")
    found = dict(re.findall(r"^Project-URL: (.+?), (\S+)$", text, re.MULTILINE))
    assert found == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    assert len(found) > 4 and all(address.startswith("https://") for address in found.values())
    assert not {"homepage", "source", "repository", "documentation"} & {name.lower() for name in found}


def test_unpacked_wheel_finds_its_data(unpacked, tmp_path):
    code = (
        "import tension_sim as t\n"
        "print(t.__file__)\n"
        "print(len(t.list_neurons()), len(t.list_recipes()), t.load_neuron('lif').name)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    where, counts = done.stdout.strip().split("\n")
    assert where.startswith(str(unpacked))
    expected = f"{len(tension_sim.list_neurons())} {len(tension_sim.list_recipes())} lif"
    assert counts == expected


def test_versions_agree():
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == tension_sim.__version__
    assert f"## [{tension_sim.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_pythons_named_are_the_pythons_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [c.rsplit(" ", 1)[1] for c in project["classifiers"] if re.search(r"Python :: 3\.\d", c)]
    assert named == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == ">=3.11,<3.15"


def test_package_has_no_assert():
    found = [
        f"{path.name}:{number}"
        for path in (ROOT / "tension_sim").rglob("*.py")
        for number, line in enumerate(path.read_text().split("\n"), 1)
        if re.match(r"\s*assert\b", line)
    ]
    assert found == []


def test_import_loads_no_engine():
    engines = ("brian2", "tensorflow", "keras", "neo", "matplotlib")
    code = f"import sys, tension_sim; print([m for m in {engines} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
