"""The page of a watched run in headless Chromium: frames, orders, light and dark, on a phone and on a desk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from chromium import MARKS, chromium, opened, shot
from watched_network import Y, simulation

from tension_sim import Watch
from tension_sim.run.watch.plan import planned

selenium = pytest.importorskip("selenium", reason="pages are opened by selenium")
pytestmark = MARKS


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """A run that goes on for as long as the tests need it."""
    with Watch() as watch:
        done = threading.Event()

        def go() -> None:
            with planned(watch.plan):
                simulation().run(np.tile(Y, 1000))
            done.set()

        thread = threading.Thread(target=go, daemon=True)
        thread.start()
        yield watch
        if not done.is_set():
            watch.go_on()
            watch.stop()
        thread.join(120)
        assert done.is_set()


def until(browser: Any, script: str) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60, 0.1).until(lambda one: one.execute_script(f"return {script}"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_frames_come_and_nothing_is_wider_than_the_screen(browser, watch, width, scheme):
    opened(browser, watch.address, width, scheme)
    until(browser, "+document.body.dataset.frames > 8")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('canvas')].map(c => c.getBoundingClientRect())"
        ".map(r => [r.width, r.height])"
    )
    assert len(sizes) == 5 and all(w > 100 and h >= 100 for w, h in sizes)
    image = shot(browser, f"watch_{width}_{scheme}")
    assert (np.median(image) > 200) == (scheme == "light") and (np.median(image) < 60) == (scheme == "dark")
    drawn = browser.execute_script(
        "const c = document.querySelector('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n"
    )
    assert drawn > 500  # pixels of axes and curves
    assert not [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def test_orders_of_the_page_reach_the_run(browser, watch):
    opened(browser, watch.address, 1280, "light")
    until(browser, "+document.body.dataset.frames > 2")
    browser.find_element("id", "pause").click()
    until(browser, "document.getElementById('state').textContent === 'paused'")
    before = watch.frames
    browser.execute_script(
        "document.getElementById('setting').value = 'tau_mem'; document.getElementById('setting').onchange();"
        "document.getElementById('value').value = '12*ms'"
    )
    browser.find_element("css selector", "#change button").click()
    until(browser, "document.querySelectorAll('#orders li').length === 1")
    assert watch.settings["tau_mem"] == "12*ms" and watch.frames <= before + 1
    browser.execute_script(
        "document.getElementById('setting').value = 'tau_mem'; document.getElementById('value').value = '12*mV'"
    )
    browser.find_element("css selector", "#change button").click()
    until(browser, "document.getElementById('note').textContent.includes('expected a quantity in second')")
    browser.find_element("id", "pause").click()
    until(browser, "document.getElementById('state').textContent === 'runs'")
    assert [dict(order.change) for order in watch.steering.orders] == [{"tau_mem": "12*ms"}]


def test_a_page_from_elsewhere_reads_and_sends_nothing(browser, watch, tmp_path):
    page = tmp_path / "evil.html"
    page.write_text("<!DOCTYPE html><title>evil</title><link rel=icon href='data:,'>")
    browser.get(page.as_uri())
    tried = """
        const done = arguments[arguments.length - 1], address = arguments[0], found = {};
        const read = (name, options) => fetch(address + name, options)
            .then(a => a.text().then(text => { found[name || "page"] = a.type + a.status + text; }))
            .catch(error => { found[name || "page"] = "refused"; });
        Promise.all([read(""), read("events"), read("orders", {method: "POST",
            headers: {"Content-Type": "application/json"}, body: '{"do": "stop"}'})]).then(() => done(found));
    """
    assert browser.execute_async_script(tried, watch.address) == dict.fromkeys(("page", "events", "orders"), "refused")
    opaque = tried.replace("fetch(address + name, options)", "fetch(address + name, {...options, mode: 'no-cors'})")
    found = browser.execute_async_script(opaque, watch.address)
    assert set(found.values()) <= {"opaque0", "refused"}
    assert watch.plan.runs == 1 and watch.settings  # it still runs
    browser.get_log("browser")
