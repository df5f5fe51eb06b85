"""Writes text as YAML, whatever is in it. Reads none."""

from __future__ import annotations

import math

import yaml


def scalar(text: str, *, quotes: bool = False) -> str:
    """On one line, quoted where it must be."""
    written: str = yaml.safe_dump(text, default_style="'" if quotes else None, width=math.inf, allow_unicode=True)
    return written.removesuffix("\n...\n").rstrip("\n")
