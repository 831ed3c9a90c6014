"""BibTeX entries of publications, by the address that a recipe or an equation file names as its source."""

from __future__ import annotations

import re
from functools import cache

from ..system.data_folder import data_folder
from ..system.files import read_regular

__all__ = ["bibtex", "doi_of", "web_address"]

_MOST = 2**20  # bytes of the file of references
_ENTRY = re.compile(r"^@\w+\{.*?^\}$", re.DOTALL | re.MULTILINE)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>{}]+")
_ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})", re.IGNORECASE)


def web_address(source: str) -> str:
    """Return the address of a source if it is one that a browser may open, else nothing.

    Examples
    --------
    >>> web_address("https://doi.org/10.7554/eLife.37124"), web_address("javascript:alert(1)")
    ('https://doi.org/10.7554/eLife.37124', '')
    """
    return source if re.fullmatch(r"https?://[^\s\"'<>]+", source) else ""


def doi_of(source: str) -> str:
    """Return the DOI that an address holds, of arXiv its own one; nothing where there is none.

    Examples
    --------
    >>> doi_of("https://doi.org/10.7554/eLife.37124"), doi_of("https://arxiv.org/abs/1601.07620")
    ('10.7554/eLife.37124', '10.48550/arXiv.1601.07620')
    """
    found = _DOI.search(source)
    if found:
        return found[0].rstrip(".,;)")
    found = _ARXIV.search(source)
    return f"10.48550/arXiv.{found[1]}" if found else ""


@cache
def _entries() -> dict[str, str]:
    """Return the entries of ``models/references.bib`` by their DOI."""
    text = read_regular("references.bib", data_folder("models") / "references.bib", _MOST).decode()
    return {doi_of(entry).lower(): entry for entry in _ENTRY.findall(text)}


def bibtex(source: str) -> str:
    """Return the BibTeX entry of a source; of one that is not known, its address alone as an entry.

    Examples
    --------
    >>> print(bibtex("https://doi.org/10.7554/eLife.37124"))
    @article{Kim2018,
      author = {Kim, Christopher M. and Chow, Carson C.},
      title = {Learning recurrent dynamics in spiking networks},
      journal = {eLife},
      volume = {7},
      pages = {e37124},
      year = {2018},
      doi = {10.7554/eLife.37124}
    }
    """
    doi = doi_of(source)
    known = _entries().get(doi.lower())
    if known or not web_address(source):
        return known or ""
    return f"@misc{{source,\n  {'doi' if doi else 'url'} = {{{doi or source}}}\n}}"
