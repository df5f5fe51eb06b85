"""What it costs to read what others wrote: subunit streams, good and hostile, and Gerrit's events.

Figures are CPU times: the medians of both sides of a ratio, which run in the same process. A library that unpacks
gzip is measured in a process of its own, in which the faster ones cannot be imported; peak memory too in one of its
own. Needs python-subunit, and Linux for /proc. ``--mb`` sets the size of the large streams, and names of parts
(large, memory, odd, others) leave out the rest. Prints what docs/figures.rst has of it.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import streams  # noqa: E402
from printed import machine, show, table  # noqa: E402

from tests.streams import NAME  # noqa: E402

LIBRARIES = {"zlib": "gzip", "zlib_ng.zlib_ng": "zlib_ng.gzip_ng", "isal.isal_zlib": "isal.igzip"}
"""What decompresses, the slowest first, and the module whose ``open`` reads a file with it."""

BLOCK = 1 << 18
ROUNDS, QUICK_ROUNDS, STARTS = 7, 3, 15
SMALL, LARGE, HOSTILE = 1, 300, 4
"""MB (10^6 bytes) of streams."""

PARTS = "large", "memory", "odd", "others"
EVENTS, EVENT = 10_000, 2_000
GOALS = {"zlib": 1.35, "zlib_ng": 1.3, "isal": 1.5, "gzip": 0.6, "plain": 0.3, "memory": 40.0, "hostile": 10.0,
         "start": 8.0, "events": 4.0}


def medians(rounds: int, **sides: Callable[[], object]) -> dict[str, float]:
    """Seconds of CPU of each side, which take turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            before = time.process_time()
            side()
            times[name].append(time.process_time() - before)
    return {name: median(values) for name, values in times.items()}


def blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(size):
            yield block


def ours(path: Path) -> list[bytes]:
    """The counters, as ``counterbot extract`` reads them."""
    from counterbot.core import limits
    from counterbot.core.subunit import attachments as subunit
    from counterbot.core.subunit import gunzip

    unpacked = gunzip.unzipped_all(
        blocks(path), packed_limit=limits.STREAM_PACKED, unpacked_limit=limits.STREAM_UNPACKED)
    return subunit.documents(unpacked, NAME)


def gunzipped(path: Path, library: Any) -> None:
    """Nothing but decompressing, in the same pieces."""
    from counterbot.core.subunit import gunzip

    member = library.decompressobj(gunzip.GZIP)
    for packed in blocks(path, gunzip.PACKED_PIECE):
        block = packed
        while block:
            member.decompress(block, gunzip.PIECE)
            block = member.unconsumed_tail
    assert member.eof


class Collector:
    """Takes the counters out of python-subunit's events, and nothing else."""

    def __init__(self) -> None:
        self.content = b""

    def status(self, test_id: str | None = None, file_name: str | None = None, file_bytes: bytes | None = None,
               **_others: object) -> None:
        """An event."""
        if file_name == NAME and test_id is None:
            self.content += bytes(file_bytes or b"")


def python_subunit(path: Path, opened: Callable[[Path, str], Any]) -> bytes:
    from subunit import ByteStreamToStreamResult

    result = Collector()
    with opened(path, "rb") as stream:
        ByteStreamToStreamResult(stream, non_subunit_name="text").run(result)
    return result.content


def with_library(name: str, folder: Path) -> dict[str, dict[str, float]]:
    """All that is measured with one library, in the process that has no faster one."""
    for other in list(LIBRARIES)[list(LIBRARIES).index(name) + 1 :] + list(LIBRARIES)[1:]:
        if other != name:
            sys.modules[other] = None  # type: ignore[assignment]
    library, opener = importlib.import_module(name), importlib.import_module(LIBRARIES[name])
    figures = {}
    for shape in streams.SHAPES:
        packed, plain = folder / f"{shape}.gz", folder / shape
        assert ours(packed) == ours(plain) == [streams.DOCUMENT] == [python_subunit(packed, opener.open)]
        figures[shape] = medians(
            ROUNDS, ours=lambda path=packed: ours(path), gunzip=lambda path=packed: gunzipped(path, library),
            plain=lambda path=plain: ours(path)) | medians(
            QUICK_ROUNDS, gzip_subunit=lambda path=packed: python_subunit(path, opener.open),
            plain_subunit=lambda path=plain: python_subunit(path, open))
    return figures


def peak(path: Path) -> float:
    """MB of memory beyond what the imports take, at most, to read a stream."""
    from counterbot.core.subunit import attachments  # noqa: F401

    def status(name: str) -> int:
        return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])

    imported = status("VmRSS")
    assert ours(path) == [streams.DOCUMENT]
    return (status("VmHWM") - imported) * 1024 / 1e6


def in_a_process(*arguments: str) -> Any:
    """What this script gives for a part of the whole, run alone."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def verdict(figure: float, goal: str) -> str:
    return f"≤ {GOALS[goal]:g} ({'met' if figure <= GOALS[goal] else 'missed'})"


def row(what: str, times: Mapping[str, float], mine: str, other: str, goal: str) -> list[str]:
    ratio = times[mine] / times[other]
    return [what, f"{times[mine]:.3f} s", f"{times[other]:.3f} s", f"{ratio:.2f}", verdict(ratio, goal)]


def large_streams(folder: Path, megabytes: int) -> Iterator[list[str]]:
    for shape in streams.SHAPES:
        with streams.write(folder / shape, megabytes, shape).open("rb") as plain, gzip.open(
                folder / f"{shape}.gz", "wb", 6) as packed:
            while block := plain.read(BLOCK):
                packed.write(block)
    for name in LIBRARIES:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        short, figures = name.partition(".")[0], in_a_process("--library", name, "--folder", str(folder))
        for shape, times in figures.items():
            yield row(f"{shape}, gzip, {short}: decompressing alone", times, "ours", "gunzip", short)
            yield row(f"{shape}, gzip, {short}: python-subunit", times, "ours", "gzip_subunit", "gzip")
            yield row(f"{shape}, plain, CRC of {short}: python-subunit", times, "plain", "plain_subunit", "plain")


def memory(folder: Path) -> Iterator[list[str]]:
    for megabytes in (SMALL, LARGE):
        for shape in streams.SHAPES:
            path = streams.write(folder / f"{shape}-{megabytes}.gz", megabytes, shape)
            used = in_a_process("--peak", str(path))
            path.unlink()
            yield [f"{shape}, gzip, {megabytes} MB", f"{used:.1f} MB", verdict(used, "memory")]


def hostile(folder: Path) -> Iterator[list[str]]:
    """Each odd stream beside a good one of the same size."""
    from counterbot.core import limits
    from counterbot.core.model import Unreadable
    from counterbot.core.subunit import attachments as subunit
    from counterbot.core.subunit import gunzip

    size = HOSTILE * 1_000_000
    good = streams.write(folder / "good", HOSTILE, "last").read_bytes()

    def read(data: bytes) -> str:
        cut = (data[at : at + BLOCK] for at in range(0, len(data), BLOCK))
        limit = {"packed_limit": limits.STREAM_PACKED, "unpacked_limit": limits.STREAM_UNPACKED}
        try:
            return "read" if subunit.documents(gunzip.unzipped_all(cut, **limit), NAME) else "no counters"
        except Unreadable as error:
            return f"refused: {str(error).removeprefix(f'{NAME}: ').partition(',')[0]}"

    for name, stream in streams.hostile(size):
        other = gzip.compress(good) if stream.startswith(gunzip.MAGIC) else good
        times = medians(QUICK_ROUNDS, odd=lambda data=stream: read(data), good=lambda data=other: read(data))
        cost = [times[side] * 1000 / HOSTILE for side in ("odd", "good")]
        yield [name, *(f"{each:.2f} ms" for each in cost), f"{cost[0] / cost[1]:.1f}",
               verdict(cost[0] / cost[1], "hostile"), read(stream)]


def starts(folder: Path) -> Iterator[list[str]]:
    path = streams.write(folder / "small", SMALL, "last")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    commands = {"extract": ["-m", "counterbot", "extract", str(path)], "bare": ["-c", "pass"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            before = _of_children()
            subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
            times[name].append(_of_children() - before)
    figures = {name: median(values) for name, values in times.items()}
    yield row(f"counterbot extract of {SMALL} MB, a process: the bare interpreter", figures, "extract", "bare", "start")


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def events() -> Iterator[list[str]]:
    from counterbot.core.events import Recognition, parse_line, recognise
    from counterbot.core.model import Report

    lines = [_event(number) for number in range(EVENTS)]
    settings = Recognition(frozenset({"zuul"}), zuul_urls=("https://zuul.example.org/t/main",))

    def recognised() -> None:
        for line in lines:
            assert isinstance(recognise(parse_line(line), settings), Report)

    def parsed() -> None:
        for line in lines:
            json.loads(line)

    times = medians(ROUNDS, ours=recognised, json=parsed)
    size = sum(map(len, lines)) // len(lines)
    yield row(f"{EVENTS:,} events of {size:,} bytes: json.loads alone", times, "ours", "json", "events")


def _event(number: int) -> bytes:
    """Zuul reports on a change: five builds."""
    root, person = "https://zuul.example.org/t/main", {"name": "A Person", "email": "a@example.org", "username": "a"}
    builds = "".join(f"- job-{at}-of-the-project {root}/build/{number * 10 + at:032x} : SUCCESS in 14m 31s\n"
                     for at in range(5))
    event = {
        "author": {"name": "Zuul", "username": "zuul"}, "approvals": [{"type": "Verified", "value": "1"}],
        "comment": f"Patch Set 3: Verified+1\n\nBuild succeeded (check pipeline).\n"
                   f"{root}/buildset/{number:032x}\n\n{builds}",
        "patchSet": {"number": 3, "revision": f"{number:040x}", "parents": [f"{number + 1:040x}"], "author": person,
                     "ref": f"refs/changes/01/{number}/3", "uploader": person, "createdOn": 1795226871},
        "change": {"project": "openstack/nova", "branch": "master", "number": 900_000 + number, "owner": person,
                   "id": f"I{number:040x}", "url": f"https://review.example.org/c/{number}", "status": "NEW"},
        "project": "openstack/nova", "type": "comment-added", "eventCreatedOn": 1795226872,
    }
    event["change"]["commitMessage"] = "x" * (EVENT - len(json.dumps(event)) - 20)
    return json.dumps(event).encode()


def report(parts: list[str], megabytes: int) -> None:
    compared, line = ("counterbot", "the other", "ratio", "goal"), machine()
    with tempfile.TemporaryDirectory(prefix="counterbot-bench-") as name:
        folder = Path(name)
        tables = {
            "large": ([f"counters.json out of {megabytes} MB", *compared], lambda: large_streams(folder, megabytes)),
            "memory": (["peak memory beyond imports", "MB", "goal"], lambda: memory(folder)),
            "odd": ([f"odd streams of {HOSTILE} MB, cost per MB", "odd", "good", "ratio", "goal", "outcome"],
                    lambda: hostile(folder)),
            "others": (["starting, and events", *compared], lambda: [*starts(folder), *events()])}
        show(line, *(table(heads, list(rows())) for part, (heads, rows) in tables.items() if part in parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), choices=[*PARTS, list(PARTS)], metavar="PART",
                        help=f"of {', '.join(PARTS)}; all, where none is given")
    parser.add_argument("--mb", type=int, default=100, help="size of the large streams (default: 100)")
    for part in ("--library", "--folder", "--peak"):
        parser.add_argument(part, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.library:
        print(json.dumps(with_library(options.library, Path(options.folder))))
    elif options.peak:
        print(json.dumps(peak(Path(options.peak))))
    else:
        report(options.parts, options.mb)


if __name__ == "__main__":
    main()
