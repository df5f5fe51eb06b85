"""What it costs to reduce a build's log to its kinds of line, beside decompressing it alone.

The logs are generated in the proportions of a DevStack job's: 202 MB in 15 files, two thirds of services' lines DEBUG.
Ids of servers, requests and messages never come twice, names do. Figures are CPU times of one core, the medians of both
sides of a ratio; the speed counts all bytes, DEBUG too. The first pass is that of a bot that has just been started. The
peak of memory is measured in a process of its own. Linux only, for /proc. Prints what docs/figures.rst has of it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import devstack_logs  # noqa: E402
from known_failures import PACKED, verdict  # noqa: E402
from printed import machine, show, table  # noqa: E402
from reading import blocks, gunzipped, medians  # noqa: E402

from counterbot.core.lines import Reduction  # noqa: E402
from counterbot.core.subunit.gunzip import unzipped  # noqa: E402
from counterbot.fingerprints.templates.reading import wanted  # noqa: E402
from counterbot.fingerprints.templates.reduce import Reducer  # noqa: E402

FILES = [path for path in devstack_logs.SIZES if wanted(path)]
"""The job's own output is the first."""
ROUNDS = 5
GOALS = {"speed": 30.0, "memory": 300.0}


def write(folder: Path, scale: float) -> int:
    """Write the logs, and packed ones beside them; returns the bytes of those that are read."""
    devstack_logs.write(folder / "plain", {}, scale, devstack_logs.Fresh)
    for path in FILES:
        packed = folder / "packed" / f"{path}.gz"
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(gzip.compress((folder / "plain" / path).read_bytes(), PACKED))
    return sum((folder / "plain" / path).stat().st_size for path in FILES)


def plain(folder: Path, failed: bool) -> Reduction:
    reducer = Reducer(failed)
    for path in FILES:
        reducer.take(path, blocks(folder / "plain" / path))
    return reducer.reduction()


def packed(folder: Path) -> None:
    reducer = Reducer(failed=True)
    for path in FILES:
        reducer.take(path, unzipped(blocks(folder / "packed" / f"{path}.gz"), packed_limit=1 << 40,
                                    unpacked_limit=1 << 40, library=zlib))


def peak(folder: Path) -> float:
    """MB of memory beyond what the imports take, at most, to reduce a build."""
    def status(name: str) -> int:
        return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])

    imported = status("VmRSS")
    plain(folder, failed=True)
    return (status("VmHWM") - imported) * 1024 / 1e6


def rows(folder: Path, size: int) -> Iterator[list[str]]:
    began = time.process_time()
    found = plain(folder, failed=True)
    first = time.process_time() - began
    times = medians(ROUNDS, failed=lambda: plain(folder, failed=True), passed=lambda: plain(folder, failed=False),
                    packed=lambda: packed(folder),
                    gunzip=lambda: [gunzipped(folder / "packed" / f"{path}.gz", zlib) for path in FILES])
    goal = f"≥ {GOALS['speed']:.0f}"
    for what, cost in (("a failed build, the first", first), ("a failed build", times["failed"]),
                       ("a passing build", times["passed"]), ("a failed build, gzip", times["packed"])):
        speed = size / cost / 1e6
        yield [what, f"{cost:.2f} s", f"{speed:.0f} MB/s", verdict(speed >= GOALS["speed"], goal),
               f"{len(found.lines.keys):,}"]
    yield ["decompressing alone, zlib", f"{times['gunzip']:.2f} s", f"{size / times['gunzip'] / 1e6:.0f} MB/s", "", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the logs' size (default: 1)")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(json.dumps(peak(Path(options.peak))))
        return
    line = machine()
    with tempfile.TemporaryDirectory(prefix="counterbot-bench-") as name:
        folder = Path(name)
        size = write(folder, options.scale)
        used = json.loads(subprocess.run([sys.executable, __file__, "--peak", name], check=True, capture_output=True,
                                         text=True).stdout)
        show(line, table([f"{size / 1e6:.0f} MB of logs", "CPU", "speed", "goal", "kinds of line"],
                         list(rows(folder, size))),
             table(["peak memory beyond imports", "MB", "goal"], [
                 ["a failed build", f"{used:.0f} MB", verdict(used <= GOALS["memory"], f"≤ {GOALS['memory']:.0f}")]]))


if __name__ == "__main__":
    main()
