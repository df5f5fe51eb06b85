"""The fuzz targets on their seeds and on everything that fuzzing found, without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harnesses import RUNS_A_MINUTE, TARGETS
from .seeds import seeds

FOUND = Path(__file__).parent / "found"


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target):
    inputs = seeds(target)
    assert inputs
    for data in inputs:
        TARGETS[target](data)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found(path):
    TARGETS[path.parent.name](path.read_bytes())


def test_every_find_has_a_target():
    assert {path.name for path in FOUND.glob("*")} <= TARGETS.keys()


def test_every_target_has_its_minute():
    assert RUNS_A_MINUTE.keys() == TARGETS.keys()
