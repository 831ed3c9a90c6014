"""Pages in a browser: headless Chromium, on a phone and on a desk, light, dark and printed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import MARKS, chromium, opened, shot
from html_pages import ATTACK, recipe_like

from tension_sim import Comparison

selenium = pytest.importorskip("selenium", reason="pages are opened by selenium")
pytestmark = MARKS

WIDTHS, SCHEMES = (400, 1280), ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    run = recipe_like()
    other = replace(run, output=run.output + 0.1, provenance=run.provenance | {"seed": 2})
    attacked = replace(run, name=ATTACK, provenance=run.provenance | {"summary": ATTACK, "repeat": "x" * 300})
    return {
        "run": run.report(folder / "run.html"),
        "compared": Comparison({"one": run, "two": other}).report(folder / "compared.html"),
        "attacked": attacked.report(folder / "attacked.html"),
    }


def brightness(browser: Any) -> float:
    """Return the median of what a screenshot shows, 0 to 255."""
    return float(np.median(shot(browser)))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["run", "compared", "attacked"])
def test_nothing_is_wider_than_the_screen(browser, pages, name, width, scheme):
    opened(browser, pages[name].as_uri(), width, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('.panels svg')].map(s => s.getBoundingClientRect())"
        ".map(r => [r.left, r.right, r.height])"
    )
    assert len(drawn) >= 4
    assert all(0 <= left < right <= width and height > 100 for left, right, height in drawn)
    assert (brightness(browser) > 230) == (scheme == "light") and (brightness(browser) < 50) == (scheme == "dark")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_and_lines_stand_out(browser, pages, scheme):
    """Contrast by WCAG: 4.5 for text, 3 for what is drawn."""
    opened(browser, pages["run"].as_uri(), 400, scheme)
    colours = browser.execute_script(
        """
        const value = name => {
            const probe = document.body.appendChild(document.createElement("i"));
            probe.style.color = `var(--${name})`;
            const found = getComputedStyle(probe).color.match(/[0-9]+/g).slice(0, 3).map(Number);
            probe.remove();
            return found;
        };
        return Object.fromEntries(["paper", "card", "ink", "faint", "good", "bad", "link", "output", "weights"]
            .map(name => [name, value(name)]));
        """
    )

    def luminance(rgb: list[int]) -> float:
        c = np.array(rgb) / 255
        return float(np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for name in ("ink", "faint", "good", "bad", "link"):
        assert contrast(name, "paper") >= 4.5 and contrast(name, "card") >= 4.5, name
    for name in ("output", "weights"):
        assert contrast(name, "card") >= 3, name


def test_a_script_of_a_stranger_does_not_run(browser, pages):
    opened(browser, pages["attacked"].as_uri(), 1280, "light")
    assert browser.title == ATTACK
    assert browser.execute_script("return document.querySelectorAll('script, img').length") == 0
    assert browser.find_element("css selector", "h1").text == ATTACK


def test_letters_of_figures_can_be_read_on_a_phone(browser, pages):
    opened(browser, pages["run"].as_uri(), 400, "light")
    scales = browser.execute_script(
        "return [...document.querySelectorAll('.panels svg')].map(s => s.getBoundingClientRect().width"
        " / s.viewBox.baseVal.width)"
    )
    assert min(scales) * 8 >= 9  # letters of 8 points, in pixels


def test_printed_pages_are_light_and_few(browser, pages):
    opened(browser, pages["run"].as_uri(), 1280, "dark", media="print")
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.execute_script("return getComputedStyle(document.querySelector('.drawing image')).filter") == "none"
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "preferCSSPageSize": True})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF") and 1 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 6
