"""Lines that offer to file a bug for a rule that has none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from ..model import Report
from ..text.inert import inert
from ..text.markdown import code, link

FILED = 3
"""Lines, at most."""

SEEN = 400
"""Bytes of the change's address that are shown."""


@dataclass(frozen=True)
class Unfiled:
    """What has no bug yet, and titles for one, the best first."""

    name: str
    titles: tuple[str, ...]


def filing(report: Report, unfiled: Iterable[Unfiled], template: str | None) -> Iterator[str]:
    """Links that open the tracker's form, for the first ones."""
    if template is None:
        return
    for each in islice(unfiled, FILED):
        if where := _link(report, each.titles, template):
            yield f"No bug yet for {code(each.name)}? File one: {where}"


def _link(report: Report, titles: Iterable[str], template: str) -> str | None:
    """A link with title and text filled in, as much of them as it holds whole; None where it holds neither."""
    seen = inert(report.patchset.url or "", SEEN) or f"change {report.patchset.change}"
    filled = (link(template.replace("{title}", quote(title, "/:")).replace("{text}", quote(text, "/:")))
              for text in (f"Seen on {seen}, patch set {report.patchset.number}", "") for title in titles)
    return next(filter(None, filled), None)
