"""The sources of counterbot as pip needs them, in a folder of their own: setuptools builds within the tree."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_source(folder: Path) -> Path:
    shutil.copytree(ROOT / "counterbot", folder / "counterbot", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "README.rst", "docs/counterbot.1"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder
