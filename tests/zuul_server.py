"""The demo's Zuul with what others do: slow and cut answers, buildsets, rows of old versions."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from counterbot.demo import zuul

FLAT = ("project", "branch", "change", "patchset", "ref", "oldrev", "newrev", "ref_url")
"""What a buildset's row has up to Zuul 9 in place of refs."""


@dataclass
class Answer(zuul.Answer):
    """``pause`` is seconds between single bytes; ``cut`` ends the connection after so many."""

    pause: float = 0
    cut: int | None = None

    def blocks(self):
        body = self.body[: self.cut]
        if not self.pause:
            yield body
            return
        for byte in body:
            yield bytes([byte])
            time.sleep(self.pause)


class Zuul(zuul.Zuul):
    """``packed``: text is stored gzipped under its plain name. ``flat``: a build's row has the fields of its ref, as up
    to Zuul 9.
    """

    packed, flat = True, False

    def add_build(self, *arguments, **options):
        row = super().add_build(*arguments, **options)
        if self.flat:
            row |= row.pop("ref")
            self.serve_row(row)
        return row

    def add_buildset(self, uuid, builds, **options):
        row = super().add_buildset(uuid, builds, **options)
        if self.flat:
            del row["refs"]
            row |= {name: builds[0][name] for name in FLAT}
            self.serve_row(row, "buildset")
        return row

    def row(self, uuid):
        """A build's API row, as it is served."""
        return json.loads(self.answers[f"/api/tenant/{self.tenant}/build/{uuid}"].body)

    def serve_log(self, url, content):
        super().serve_log(url, content)
        if not self.packed:
            self.answers[url.removeprefix(self.url)] = Answer(content)
