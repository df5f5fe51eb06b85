"""Identities: of a patch set, a report and a delivery, the same whoever derives them from whichever source."""

from __future__ import annotations

import hashlib

from .model import PatchSet, Report


def delivery_key(report: Report, kind: str, destination: str) -> str:
    """Unique to a report at a destination."""
    return f"{report_key(report)} {kind} {destination}"


def report_key(report: Report) -> str:
    """Server, change, patch set and buildset; without one, a hash of the builds."""
    builds = ",".join(sorted({link.uuid or link.url for link in report.builds}))
    which = report.buildset or hashlib.sha256(builds.encode("utf-8", "replace")).hexdigest()[:32]
    return f"{patchset_key(report.patchset)} {which}"


def patchset_key(patchset: PatchSet) -> str:
    """Server, change and patch set. A branch's name need not be in it: its reports all have a buildset."""
    return f"{patchset.server} {'branch' if patchset.change is None else f'{patchset.change},{patchset.number}'}"


def said_key(report: Report) -> str:
    """Within it nothing is said twice at one destination: a patch set, or one buildset of a branch."""
    return report_key(report) if report.patchset.change is None else patchset_key(report.patchset)


def marker(key: str) -> str:
    """The line by which a delivery is found again among a change's messages."""
    return f"[counterbot:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:12]}]"
