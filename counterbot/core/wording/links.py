"""Links to the bug tracker. Opens none of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..text.markdown import link

NUMBER = re.compile("[0-9]+")


@dataclass(frozen=True)
class Links:
    """URL templates: ``view`` with {bug}; ``file`` with {title} and {text}, None where no bugs are to be filed. And
    where ``graphs`` of counters are, None where that is not known."""

    view: str = "https://bugs.launchpad.net/bugs/{bug}"
    file: str | None = None
    graphs: str | None = None


def bug_link(bug: str, links: Links) -> str:
    return bug if "://" in bug else links.view.replace("{bug}", bug)


def bug_page(bug: str | None, links: Links) -> str | None:
    """The same as it may stand in a comment; None where there is no bug, or no such link."""
    return link(bug_link(bug, links)) if bug else None


def bug_number(bug: str | None) -> str | None:
    """The bug, where it is a number and no URL."""
    return bug if bug and NUMBER.fullmatch(bug) else None
