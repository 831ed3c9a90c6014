"""Settings of the documentation site.

    pip install -e ".[docs]"
    sphinx-build -W --keep-going -n -b html docs docs/_build/html

The build needs no network. DOCS_INTERSPHINX=1 links names of Brian2, Neo and NumPy to their own sites, whose
inventories it then loads. Pages of the Keras-style classes are executed where TensorFlow is installed.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
# notebooks call the command of the environment that builds the site
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
# a bar that is redrawn is no text for a page, and frames of Jupyter's debugger no warning
os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tension_sim import __version__  # noqa: E402

project = "tension-sim"
author = "The tension-sim developers"
copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",
    "mathml",
    "recipe_pages",
]
exclude_patterns = ["_build", "_ext", "gallery", "**.ipynb_checkpoints"]
nitpicky = True
if find_spec("tensorflow") is None:
    tags.add("without_tensorflow")  # noqa: F821

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 3
myst_substitutions = {"version": __version__}

nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
if find_spec("tensorflow") is None:
    nb_execution_excludepatterns = ["first_hour/keras.md"]

autosummary_generate = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "py:obj"
smartquotes_action = "qe"  # not "D": notes of recipes name options, and --set is no dash

if os.environ.get("DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "brian2": ("https://brian2.readthedocs.io/en/stable/", None),
        "neo": ("https://neo.readthedocs.io/en/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "python": ("https://docs.python.org/3/", None),
    }

# `-b linkcheck` follows links to files and headings of this site; other sites are not reached from everywhere
linkcheck_ignore = [] if os.environ.get("DOCS_EXTERNAL_LINKS") else [r"https?://"]

html_theme = "furo"
html_title = f"tension-sim {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["llms.txt"]
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5f8a", "color-brand-content": "#0b5f8a"},
    "dark_css_variables": {"color-brand-primary": "#6cc0e8", "color-brand-content": "#6cc0e8"},
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
