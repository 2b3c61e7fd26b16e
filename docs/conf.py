"""Settings of the documentation site."""

import os
import re
import zlib
from pathlib import Path

# Before NumPy and torch are imported: small networks are fastest on one thread, and on
# a busy machine several threads are many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# So that the gallery can look up `IterativeImputer`, which an example uses.
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

import sklearn_ae

DOCS = Path(__file__).parent

project = "sklearn_ae"
author = "The sklearn_ae developers"
copyright = author
version = release = sklearn_ae.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "benchmarks/*.py"]
templates_path = ["_templates"]
# Single backticks in docstrings become links where they name something of the API.
default_role = "py:obj"

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_ae"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "header_links_before_dropdown": 7,
}
# Pages with no section of their own have nothing to navigate.
html_sidebars = {
    page: []
    for page in (
        "index",
        "comparison",
        "contributing",
        "add_a_likelihood",
        "changelog",
    )
}

myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
# The template of a class lists its methods.
numpydoc_show_class_members = False

# A project whose inventory cannot be downloaded falls back to one without names, which
# intersphinx takes for a working alternative: no links to it, but no warning either, so
# that -W passes on machines without network.
no_names = DOCS / "_build" / "no_names.inv"
no_names.parent.mkdir(exist_ok=True)
no_names.write_bytes(
    b"# Sphinx inventory version 2\n# Project: none\n# Version: 0\n"
    b"# The remainder of this file is compressed using zlib.\n" + zlib.compress(b"")
)
intersphinx_timeout = 10
intersphinx_mapping = {
    name: (address, (None, str(no_names)))
    for name, address in {
        "numpy": "https://numpy.org/doc/stable/",
        "python": "https://docs.python.org/3/",
        "skorch": "https://skorch.readthedocs.io/en/stable/",
        "sklearn": "https://scikit-learn.org/stable/",
        "torch": "https://docs.pytorch.org/docs/stable/",
    }.items()
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    # It is for the command line, and writes the picture of the front page.
    "ignore_pattern": (
        r"(quickstart|large_data|ship_a_model|serve|beyond_one_machine)\.py"
    ),
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklearn_ae",),
    "download_all_examples": False,
    # As many at a time as sphinx-build's -j says.
    "parallel": True,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
}


def _to_gallery(app, docname, source):
    """Let links to example scripts, which work in the repository, lead to pages."""
    source[0] = re.sub(
        r"\]\((?:\.\./)+examples/(plot_\w+)\.py\)",
        r"](/auto_examples/\1.rst)",
        source[0],
    )


def _skip_scikit_learns(app, what, name, obj, skip, options):
    """Leave out what is inherited from scikit-learn: it refers to pages of its own."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        return True
    return None


def setup(app):
    app.connect("source-read", _to_gallery)
    app.connect("autodoc-skip-member", _skip_scikit_learns)
