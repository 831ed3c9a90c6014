"""A page for each recipe, written from its file, with the figure and numbers stored by ``docs/make_gallery.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from tension_sim import list_recipes, load_recipe

UNITS = {"1": "", "hertz": " Hz", "second": " s"}
THUMBNAIL = 480  # pixels

Table = list[tuple[str, ...]]

_recipe = cache(load_recipe)


def publication(folder: str, texts: str = "") -> str:
    """Return the name of a publication from that of its folder; one name stands for the first of several authors.

    An author whose name is spelt with other capitals in `texts` has these.

    Examples
    --------
    >>> publication("sussillo_abbott_2009"), publication("depasquale_2018", "by DePasquale")
    ('Sussillo & Abbott (2009)', 'DePasquale et al. (2018)')
    """
    *authors, year = folder.split("_")
    spelt = [re.findall(rf"\b{author}\b", texts, re.IGNORECASE) + [author.capitalize()] for author in authors]
    names = [max(found, key=lambda name: sum(map(str.isupper, name)) * (not name.isupper())) for found in spelt]
    return (" & ".join(names) if len(names) > 1 else f"{names[0]} et al.") + f" ({year})"


def all_texts() -> str:
    """Return what all recipes say in words."""
    recipes = map(_recipe, list_recipes())
    return "\n".join(f"{recipe.summary}\n{recipe.script}\n{recipe.notes}" for recipe in recipes)


def stored_run(gallery: Path, name: str) -> dict[str, Any] | None:
    """Return what is known of the run whose figure is stored, or None."""
    facts = gallery / f"{name}.json"
    if not (facts.is_file() and facts.with_suffix(".png").is_file()):
        return None
    return json.loads(facts.read_text(encoding="utf-8"))


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(heads: tuple[str, ...], rows: Table) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines) + "\n\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _numbers(recipe: Any, run: dict[str, Any] | None) -> str:
    """Return the table of what was measured beside what is expected."""
    measured, rows = (run or {}).get("numbers", {}), []
    columns = {"expected": recipe.expected}
    if recipe.short is not None:
        both = {"expected of a short run": recipe.short.expected, "expected at published size": recipe.expected}
        columns = {heading: table for heading, table in both.items() if table}
    for key, number in recipe.protocol.expected.items():
        wanted = [table.get(key) for table in columns.values()]
        if not any(wanted) and key not in measured:
            continue
        unit = UNITS.get(number.unit, f" {number.unit}")
        shown = f"{measured[key]:.3g}{unit}" if key in measured else "–"
        expected = [" to ".join(f"{value:g}" for value in one) + unit if one else "–" for one in wanted]
        rows.append((f"{number.label} (`{key}`)", shown, *expected))
    if not rows:
        return ""
    text = "## Numbers\n\n" + _table(("", "stored run", *columns), rows)
    for heading, table in columns.items():
        if "reference" in table:
            text += f"Where the values {heading} come from: {table['reference']}.\n\n"
    return text


def _settings(recipe: Any) -> str:
    """Return the settings that the file has, and those left at their defaults."""
    written = {
        f"`{section}.{key}`": f"`{_value(value)}`"
        for section, entries in recipe.settings.items()
        for key, value in entries.items()
    }
    left = [
        (f"`{section}.{key}`", f"`{_value(value)}`" if value not in ("", None) else "not set")
        for section, keys in recipe.protocol.keys(recipe.settings).items()
        for key in keys
        if f"`{section}.{key}`" not in written
        and isinstance(value := recipe.values.get(section, {}).get(key), int | float | str | tuple | None)
    ]
    text = "## Settings\n\nChange any of them by `--set KEY=VALUE`.\n\n"
    text += _table(("setting", "value"), list(written.items()))
    return text + ("At their defaults, in SI units:\n\n" + _table(("setting", "value"), left) if left else "")


def _figure(name: str, run: dict[str, Any] | None, up: str) -> str:
    if run is None:
        return (
            "No figure of this recipe is stored yet; the command above makes one, "
            "and `python docs/make_gallery.py` stores it.\n\n"
        )
    took = f", in {run['seconds']:.0f} s" if "seconds" in run else ""
    made = f"Made on {run['date']} by version {run['version']}, seed {run['seed']}{took}."
    if run.get("changed"):
        made = f"A shorter run than the published one. {made}"
    return _shown(f"{up}gallery/{name}.png", f"Figure of a run of {name}", made)


def _shown(image: str, alt: str, caption: str) -> str:
    return f"```{{figure}} {image}\n:alt: {alt}\n:class: figure\n\n{caption}\n```\n\n"


def _short(recipe: Any, run: dict[str, Any] | None) -> str:
    """Return what is shorter than published in the run that a recipe states for itself, and in the stored one."""
    if recipe.short is None:
        return ""
    minutes = round(recipe.protocol.forecast(recipe, "cpp_standalone").seconds / 60)
    whole = f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
    text = f"The published size takes about {whole}. A shorter run: `tension-sim run {recipe.name} --short`.\n\n"
    changed = (run or {}).get("changed")
    if changed:
        rows = [(f"`{key}`", *(f"`{value}`" for value in pair)) for key, pair in changed.items()]
        text += "Figure and numbers on this page are of a run with\n\n"
        text += _table(("setting", "published", "this run"), rows)
    return text


def _sweeps(recipe: Any, gallery: Path, up: str) -> str:
    """Return the sweeps of a recipe's file, with the figures that are stored."""
    text = "## Sweeps\n\n" if recipe.sweeps else ""
    for plan, table in recipe.sweeps.items():
        text += f"### {plan}\n\n```bash\ntension-sim sweep {recipe.name} --plan {plan}\n```\n\n"
        grid = [(f"`{key}`", f"`{_value(values)}`") for key, values in table["grid"].items()]
        fixed = [(f"`{key}`", f"`{_value(value)}`, for all") for key, value in table.get("settings", {}).items()]
        text += _table(("setting", "values"), [*grid, ("seeds", _value(table.get("seeds", 1))), *fixed])
        image, made = f"{recipe.name}/{plan}", stored_run(gallery, f"{recipe.name}/{plan}")
        if made is None:
            continue
        failed = made["points"] - made["done"]
        caption = (
            f"Made on {made['date']} by version {made['version']}: {made['points']} points, "
            f"{made['seeds']} seed{'s' * (made['seeds'] > 1)}{f', {failed} without a number' if failed else ''}."
        )
        text += _shown(f"{up}gallery/{image}.png", f"Figure of the sweep {plan} of {recipe.name}", caption)
    return text


def page(name: str, published: str, gallery: Path) -> str:
    """Return the page of a recipe, in Markdown; `published` names its publication."""
    recipe, run = _recipe(name), stored_run(gallery, name)
    short = name.rpartition("/")[2]
    up = "../" * (2 + name.count("/"))
    text = f"# {short}\n\n{recipe.summary}.\n\n"
    text += f"- **Source:** [{published}, {doi(recipe.source)}]({recipe.source})\n"
    script = re.sub(r"https?://[^\s,;)]+", r"<\g<0>>", recipe.script)
    text += f"- **Published program:** {script}\n" if script else ""
    text += f"- **Protocol:** `{recipe.protocol.name}`. {recipe.protocol.summary}\n\n"
    text += f"```bash\ntension-sim run {name}\n```\n\n"
    text += _short(recipe, run) + _figure(name, run, up) + _numbers(recipe, run)
    text += f"## Notes\n\n{recipe.notes}\n\n" if recipe.notes else ""
    text += _sweeps(recipe, gallery, up)
    return text + _settings(recipe)


def doi(address: str) -> str:
    """Return the DOI of an address that holds one; other addresses stay."""
    return address.removeprefix("https://doi.org/")


def _card(name: str, summary: str, thumbnail: bool) -> str:
    image = f":img-top: thumbnails/{name}.png\n:img-alt: Figure of {name}\n" if thumbnail else ""
    short = name.rpartition("/")[2]
    return f":::{{grid-item-card}} {short}\n:link: recipes/{name}\n:link-type: doc\n{image}\n{summary}\n:::\n\n"


def _group(published: str, names: list[str]) -> str:
    """Return the page of a publication, which names its recipes."""
    source = _recipe(names[0]).source
    text = f"# {published}\n\n[{doi(source)}]({source})\n\n"
    rows: Table = [(f"{{doc}}`{name.rpartition('/')[2]}`", _recipe(name).summary) for name in names]
    listed = "\n".join(name.rpartition("/")[2] for name in names)
    return text + _table(("recipe", ""), rows) + f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n"


def index(groups: dict[str, list[str]], published: dict[str, str], gallery: Path) -> str:
    """Return the page that shows all recipes, by publication."""
    names = [name for members in groups.values() for name in members]
    figures = sum(stored_run(gallery, name) is not None for name in names)
    text = (
        "# Gallery of recipes\n\n"
        f"{len(names)} networks, each run by one command: `tension-sim run NAME`. Every page has source, settings "
        f"and the numbers to expect; {figures} show a run: at published size where that takes at most ten minutes, "
        "else a shorter one, of which the page says what is shorter.\n\n"
    )
    for folder, members in groups.items():
        text += f"## {published[folder]}\n\n::::{{grid}} 1 2 3 3\n:gutter: 3\n\n"
        for name in members:
            text += _card(name, _recipe(name).summary, stored_run(gallery, name) is not None)
        text += "::::\n\n"
    listed = "\n".join(f"recipes/{folder}/index" for folder in groups)
    return text + f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n"


def pages(gallery: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of each page: of every recipe, of every publication, and the index."""
    groups = {key: list(names) for key, names in groupby(list_recipes(), key=lambda name: name.partition("/")[0])}
    texts = all_texts()
    published = {folder: publication(folder, texts) for folder in groups}
    for folder, names in groups.items():
        yield from ((f"recipes/{name}", page(name, published[folder], gallery)) for name in names)
        yield f"recipes/{folder}/index", _group(published[folder], names)
    yield "gallery", index(groups, published, gallery)


def _thumbnails(gallery: Path, folder: Path) -> None:
    from PIL import Image

    for figure in gallery.glob("*/*.png"):
        small = folder / figure.relative_to(gallery)
        if small.exists() and small.stat().st_mtime >= figure.stat().st_mtime:
            continue
        small.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(figure) as image:
            full = image.convert("RGB")
        full.thumbnail((THUMBNAIL, 2 * THUMBNAIL))
        full.quantize(48, dither=Image.Dither.NONE).save(small, optimize=True)


def generate(app: Any, config: Any) -> None:
    """Write all pages before Sphinx looks for them."""
    from api_pages import write

    source = Path(app.srcdir)
    target = source / "generated"
    for name, text in pages(source / "gallery"):
        write(target / f"{name}.md", text)
    _thumbnails(source / "gallery", target / "thumbnails")


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("config-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
