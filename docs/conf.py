"""Sphinx's settings. The documentation is built without network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from counterbot import __version__

project = "counterbot"
copyright = "the counterbot authors"
release = version = __version__
exclude_patterns = ["_build"]
extensions = ["sphinx.ext.autodoc"]  # the collectors' manual pages are their docstrings
html_theme = "alabaster"
html_theme_options = {"description": "Sees when a change makes a CI job work harder", "page_width": "1240px",
                      "body_max_width": "auto", "code_font_size": "0.75em"}
html_static_path = ["_static"]
templates_path = ["_templates"]
html_copy_source = False
highlight_language = "none"
nitpicky = True
