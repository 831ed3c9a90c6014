"""The style sheet of the documentation site, in a browser as wide as a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import MARKS, chromium, opened, shot

pytestmark = MARKS

STYLE = Path(__file__).resolve().parents[2] / "docs/_static/site.css"
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="{style}"><body><article>
<math display="block"><msub><mi>e</mi><mi>i</mi></msub><mo>=</mo><msup><mi>J</mi><mi>D</mi></msup></math>
<table class="docutils"><tr><td><code class="literal">interrupted</code></td><td>{prose}</td></tr></table>
</article></body>"""
OVERFLOW = 'document.querySelector("math").style.overflow = "visible"'
LINES = """const code = document.querySelector("code");
return code.getBoundingClientRect().height / parseFloat(getComputedStyle(code).fontSize);"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(PAGE.format(style=STYLE.as_uri(), prose="whether Ctrl-C or its like ended it early " * 5))
    with chromium() as browser:
        yield opened(browser, file.as_uri(), 390, "light")


def test_a_formula_is_shown_whole(page: Any) -> None:
    seen = shot(page)
    assert seen.min() < 100
    page.execute_script(OVERFLOW)
    np.testing.assert_array_equal(seen, shot(page))


def test_a_short_name_in_a_table_stays_in_one_line(page: Any) -> None:
    assert page.execute_script(LINES) < 2
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
