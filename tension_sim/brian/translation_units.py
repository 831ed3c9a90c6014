"""Compile the sources of a program as a few files, which read the headers they share once.

gcc takes a third of a second to read the headers of the standard library and Brian2's, in each file anew; most files of
a program have less than that of their own. Code objects of one file share our headers, which are compiled once, too;
programs for CUDA become a single file (`unity`), where each object has a copy of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ONCE", "RUN_ONCE", "gather_sources"]

#: What runs once, at the beginning and the end of a program: gathered in a file that is hardly optimised.
ONCE = "once.cpp"
#: The sources of Brian2 that do.
RUN_ONCE = ("objects.cpp", "main.cpp", "run.cpp")

#: Characters of code that one file holds, if no single source has more.
_FULL = 100_000

# Brian2 puts the functions that a code object may call into an unnamed namespace, the same into many of them.
_SUPPORT = re.compile(r"^(////// SUPPORT CODE ///////\n)namespace \{\n(.*?)^\}$", re.DOTALL | re.MULTILINE)
_INSIDE = "using namespace brian;"

_INCLUDED = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
_DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(.*)$", re.MULTILINE)
_GUARD = re.compile(r"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)", re.MULTILINE)


def gather_sources(folder: Path, sources: Sequence[str]) -> list[str]:
    """Write the sources of a generated program into fewer files.

    Parameters
    ----------
    folder : Path
        Where the program was generated.
    sources : sequence of str
        Names of its sources in that folder.

    Returns
    -------
    list of str
        What is to be compiled, in the order in which to start: the largest first. Sources of an unknown form stay as
        they are.
    """
    names = sorted(sources, key=lambda name: (folder / name).stat().st_size, reverse=True)
    texts = {name: (folder / name).read_text() for name in names}
    once = [name for name in RUN_ONCE if name in texts]
    alone = [name for name in names if name not in once and not _can_be_gathered(folder, name, texts[name])]
    units: list[list[str]] = []
    for name in names:
        if name in once or name in alone:
            continue
        fitting = (unit for unit in units if _fit({other: texts[other] for other in unit}, name, texts[name]))
        unit = min(fitting, key=lambda unit: sum(len(texts[other]) for other in unit), default=None)
        if unit is None:
            units.append([name])
        else:
            unit.append(name)
    files = {f"unit_{number}.cpp": unit for number, unit in enumerate(units)} | ({ONCE: once} if once else {})
    for file, members in files.items():
        (folder / file).write_text("\n".join(_part_of_unit(name, texts[name]) for name in members))
    return sorted([*files, *alone], key=lambda name: (folder / name).stat().st_size, reverse=True)


def _can_be_gathered(folder: Path, name: str, text: str) -> bool:
    """Say whether a source can stand beside others: a code object as Brian2 writes it, or one of few definitions.

    Brian2 2.11 has sources in a folder of their own, which include headers beside them.
    """
    beside = (folder / name).parent
    if beside != folder and any((beside / header).exists() for header in _INCLUDED.findall(text)):
        return False
    return "namespace {" not in text or (len(_SUPPORT.findall(text)) == 1 and _INSIDE in text)


def _fit(unit: Mapping[str, str], name: str, text: str) -> bool:
    """Say whether a source has room in a file, and means by each macro what the others mean."""
    if sum(map(len, unit.values())) + len(text) > _FULL:
        return False
    own = _macros(name, text)
    others = (_macros(other, there) for other, there in unit.items())
    return all(own[macro] == meant for other in others for macro, meant in other.items() if macro in own)


def _macros(name: str, text: str) -> dict[str, list[str]]:
    """Return all definitions of each macro, some of which stand between conditions, in their order.

    What guards a header within the functions of a code object, so in their namespace, is the object's own: other
    sources would go without the header.
    """
    found: dict[str, list[str]] = {}
    for macro, meaning in _DEFINED.findall(text):
        found.setdefault(macro, []).append(meaning.strip())
    for support in _SUPPORT.finditer(text):
        found |= {guard: [name] for guard in _GUARD.findall(support[2])}
    return found


def _part_of_unit(name: str, text: str) -> str:
    """Give the functions that a code object calls a namespace of its own, within the unnamed one."""
    own = "of_" + re.sub(r"\W", "_", name)
    text, changed = _SUPPORT.subn(lambda found: f"{found[1]}namespace {{ namespace {own} {{\n{found[2]}}} }}", text)
    if changed:
        text = text.replace(_INSIDE, f"{_INSIDE} using namespace {own};")
    return f'#line 1 "{name}"\n{text}'
