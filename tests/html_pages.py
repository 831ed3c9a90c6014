"""What is read of a page: its elements and texts, as a browser would see them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from synthetic import synthetic_results

from tension_sim import Results

#: Text that would run in a browser if it came into a page as it is.
ATTACK = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


class Page(HTMLParser):
    """A page's elements with their attributes, texts, headings, and ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "wbr":
            return
        self._open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("h1", "h2", "h3"):
            self.headings[-1] += data.strip()
        if self._open and self._open[-1] != "style":
            self.text += " " + data

    @property
    def words(self) -> str:
        """All texts, with single spaces."""
        return re.sub(r"\s+", " ", self.text)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of that name."""
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(path: Path) -> Page:
    """Read a page from its file."""
    return Page(path.read_text(encoding="utf-8"))


def recipe_like(**changes: object) -> Results:
    """Return a run that says of itself what the run of a recipe says."""
    run = synthetic_results(seconds=2.0, n_neurons=20)
    about = {
        "recipe": "demo/sine",
        "summary": "20 neurons learn a sine",
        "protocol": "force",
        "publication": "https://doi.org/10.1038/s41467-017-01827-3",
        "settings": {"network": {"n": 20, "neuron": "lif"}, "run": {"seed": 1}},
        "changed": {"network.n": ["2000", "20"]},
        "measured": [
            {"name": "a", "label": "error of the test", "unit": "", "value": 0.25, "expected": [0.1, 0.2],
             "judged": "too high"},
            {"name": "b", "label": "firing rate", "unit": "Hz", "value": 31.5, "expected": [30.0],
             "judged": "as expected"},
        ],
        "verdict": {"as_expected": False, "text": "not as expected: a is too high"},
        "expected_from": "three seeds",
        "remarks": ["This run has no test."],
        "repeat": "tension-sim run demo/sine --set network.n=20",
        "machine": {"date": "2026-01-02T03:04:05+00:00", "host": "here", "cpu": "fast"},
    }  # fmt: skip
    return replace(run, provenance=run.provenance | about | changes)
