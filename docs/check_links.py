"""Check that every link and picture of the built site leads to a file and a heading of it; other sites are left out.

    python docs/check_links.py docs/_build/html

``DOCS_EXTERNAL_LINKS=1 sphinx-build -b linkcheck docs docs/_build/linkcheck`` follows those to other sites.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and the places that links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a tag leads to, and its name."""
        for key, value in attrs:
            if key in ("href", "src") and value:
                self.links.add(value)
            elif value and (key == "id" or (tag == "a" and key == "name")):
                self.places.add(value)


def broken_links(site: Path) -> list[str]:
    """Return the links that lead nowhere, each with its page."""
    site = site.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    links = {path: page.links for path, page in pages.items()}
    for path in site.glob("*.txt"):
        links[path] = set(re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")))
    broken = []
    for path, found in sorted(links.items()):
        for link in sorted(found):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            missing = place and target in pages and place not in pages[target].places
            if not target.is_relative_to(site) or not target.exists() or missing:
                broken.append(f"{path.relative_to(site)}: {link}")
    return broken


def main() -> None:
    """Print what is broken and end with 1, or say how much was checked."""
    site = Path(sys.argv[1])
    if not (site / "index.html").is_file():
        raise SystemExit(f"{site}: expected a built site. Fix: sphinx-build docs {site}")
    broken = broken_links(site)
    if broken:
        raise SystemExit("links that lead nowhere:\n" + "\n".join(broken))
    print(f"{site}: all links lead somewhere")


if __name__ == "__main__":
    main()
