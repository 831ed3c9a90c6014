"""Pages of all public names, from the ``__all__`` of the public modules: no name is written down by hand."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

# Modules that users import. Those of the Keras-style classes have the names of the published package.
MODULES = ("tension_sim", "tension_sim.brian", "tension_sim.neo", "tension_sim.plotting", "tension_sim.protocols")
KERAS_MODULES = tuple(
    f"tension_sim.{name}" for name in ("base", "models", "constrained", "spiking", "esn", "callbacks")
)
WITHOUT = """
.. note::

   This copy of the site was built without TensorFlow, so this module is not described here.
   Install it by ``pip install "tension-sim[keras]"`` and read ``help({module})``.
"""


def public_names(module: Any) -> list[str]:
    """Return the public names of a module that have a docstring of their own to show."""
    return sorted((name for name in module.__all__ if not name.startswith("_")), key=str.lower)


def _heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _kind(value: Any) -> str:
    if inspect.isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if callable(value) else "autodata"


def _object_page(module: str, name: str, value: Any) -> str:
    return _heading(name) + f".. currentmodule:: {module}\n\n.. {_kind(value)}:: {module}.{name}\n"


def _module_page(name: str, folder: Path) -> str:
    text = _heading(name)
    if name in KERAS_MODULES and find_spec("tensorflow") is None:
        return text + WITHOUT.format(module=name)
    module = import_module(name)
    names = public_names(module)
    errors = [key for key in names if _kind(getattr(module, key)) == "autoexception"]
    pages = [key for key in names if key not in errors]
    text += f".. module:: {name}\n\n{inspect.cleandoc(module.__doc__)}\n\n"
    text += f".. currentmodule:: {name}\n\n.. autosummary::\n   :nosignatures:\n\n"
    text += "".join(f"   {key}\n" for key in names)
    text += "\n.. toctree::\n   :hidden:\n\n" + "".join(f"   {name}/{key}\n" for key in pages)
    if errors:
        text += "\n" + _heading("Errors", "-")
        text += "".join(f".. autoexception:: {name}.{key}\n   :no-members:\n\n" for key in errors)
    for key in pages:
        write(folder / name / f"{key}.rst", _object_page(name, key, getattr(module, key)))
    return text


def write(path: Path, text: str) -> None:
    """Write a page where it differs, so that the others are not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(app: Any, config: Any) -> None:
    """Write a page for each module and each of its names."""
    folder = Path(app.srcdir) / "generated" / "api"
    modules = [*MODULES, *KERAS_MODULES]
    for name in modules:
        write(folder / f"{name}.rst", _module_page(name, folder))
        if name not in KERAS_MODULES or find_spec("tensorflow"):
            config.api_names |= set(public_names(import_module(name)))
    text = _heading("API reference")
    text += "Every public name, by module. Types, shapes, units and errors stand with each argument.\n\n"
    text += ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {name}\n" for name in modules)
    write(folder / "index.rst", text)


def keep_public(app: Any, doctree: nodes.document) -> None:
    """Let docstrings link public names alone: other words in backticks, and the words of a type, are no names."""
    if not app.env.docname.startswith("generated/api/"):
        return
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") != "py":
            continue
        name = node["reftarget"].removeprefix("tension_sim.").removeprefix("brian.")
        if name.partition(".")[0] in app.config.api_names:
            node["refspecific"] = True  # found by its last part, whatever module the page is of
        elif "." not in node["reftarget"] or name != node["reftarget"]:
            node.replace_self(node.children)


def signature(app: Any, what: str, name: str, obj: Any, options: Any, text: str | None, result: Any) -> Any:
    """Show the arguments of ``__init__`` where a metaclass, as Brian2's, hides them."""
    if what != "class" or text is None or "*args" not in text or "__init__" not in vars(obj):
        return None
    own = inspect.signature(obj.__init__)
    arguments = [value.replace(annotation=value.empty) for value in list(own.parameters.values())[1:]]
    return str(own.replace(parameters=arguments, return_annotation=own.empty)), None


def as_text(app: Any, env: Any, node: nodes.Element, content: nodes.Node) -> nodes.Node | None:
    """Leave a name in a docstring as text if nothing is known of it, such as `numpy.ndarray` without inventories."""
    return content if node.get("refdoc", "").startswith("generated/api/") else None


def setup(app: Any) -> dict[str, bool]:
    """Generate the pages before any is read."""
    app.add_config_value("api_names", set(), "")
    app.connect("config-inited", generate)
    app.connect("autodoc-process-signature", signature)
    app.connect("doctree-read", keep_public)
    app.connect("missing-reference", as_text, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
