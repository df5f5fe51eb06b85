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
    """Server, change and patch set: within it nothing is said twice at one destination."""
    return f"{patchset.server} {patchset.change},{patchset.number}"


def marker(key: str) -> str:
    """The line by which a delivery is found again among a change's messages."""
    return f"[counterbot:{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:12]}]"
