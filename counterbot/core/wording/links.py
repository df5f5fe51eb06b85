"""Links to the bug tracker. Opens none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

NUMBER = re.compile("[0-9]+")


@dataclass(frozen=True)
class Links:
    """URL templates: ``view`` with {bug}; ``file`` with {title} and {text}, None where no bugs are to be filed."""

    view: str = "https://bugs.launchpad.net/bugs/{bug}"
    file: str | None = None


def bug_link(bug: str, links: Links) -> str:
    return bug if "://" in bug else links.view.replace("{bug}", bug)


def bug_number(bug: str | None) -> str | None:
    """The bug, where it is a number and no URL."""
    return bug if bug and NUMBER.fullmatch(bug) else None
