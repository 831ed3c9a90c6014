"""Headless Chromium for tests of pages: its driver, the marks of such tests, how a page is opened and seen."""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = ["MARKS", "chromium", "opened", "shot"]

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not (_CHROMIUM and _DRIVER), reason="needs Debian's chromium and chromium-driver"),
]


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser, and end it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = _CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_DRIVER))
    yield driver
    driver.quit()


def opened(browser: Any, address: str, width: int, scheme: str, media: str = "screen") -> Any:
    """Open a page on a screen of some width, of a light or dark scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(address)
    return browser


def shot(browser: Any, name: str = "") -> np.ndarray:
    """Return what the screen shows, in grey, 0 to 255; a folder TENSION_SIM_SHOTS keeps it under its name."""
    data = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
    if name and "TENSION_SIM_SHOTS" in os.environ:
        Path(os.environ["TENSION_SIM_SHOTS"], f"{name}.png").write_bytes(data)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"))
