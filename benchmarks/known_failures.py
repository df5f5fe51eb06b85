"""What it costs to match known failures' queries against a build's logs, beside grep and beside decompressing alone.

The logs are generated in the proportions of a DevStack job's, 203 MB in 16 files, with 41 records in them that a query
is to find; the queries are elastic-recheck's own. Figures are CPU times of one core, the medians of both sides of a
ratio; each library that unpacks gzip, and the peak of memory, is measured in a process of its own. Needs grep, and
Linux for /proc. Prints what docs/figures.rst has of it.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
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

import devstack_logs  # noqa: E402
from printed import machine, show, table  # noqa: E402
from reading import LIBRARIES, blocks, gunzipped, medians  # noqa: E402

from counterbot.core.model import Build  # noqa: E402
from counterbot.core.subunit.gunzip import unzipped  # noqa: E402
from counterbot.fingerprints.engines import Engine, Hyperscan, Re2  # noqa: E402
from counterbot.fingerprints.fields import of_build  # noqa: E402
from counterbot.fingerprints.query import BadQuery, Query, parse, with_voting  # noqa: E402
from counterbot.fingerprints.scan import Scanner  # noqa: E402

QUERIES = ROOT / "tests/samples/elastic-recheck/queries.json"
BUILD = of_build(Build("4bb2b5c0ae7f4c4f9f5d8f5a36d4f5c1", "tempest-full", "FAILURE", True, "openstack/nova", "master",
                       "gate", "https://logs.example/1/"))
PLANTED, NEVER = 41, "This string is in no log"
ROUNDS, GZIP_ROUNDS, PACKED = 7, 5, 6
GOALS = {"100": 1000.0, "1000": 500.0, "grep": 4.0, "zlib": 1.6, "zlib_ng": 2.0, "isal": 2.4, "memory": 100.0}


def queries(number: int) -> dict[str, Query]:
    """100: the last ones and 14 of the unit tests; 1,000: all that there ever were, and variants of them."""
    found = json.loads(QUERIES.read_text())
    unit = [each for each in found if "/unit/" in each["file"]]
    last = [each for each in found if each["last"]]
    chosen = [*last, *unit[:14]] if number == 100 else [*found, *map(_variant, found)]
    made: dict[str, Query] = {}
    for each in chosen:
        if len(made) < number:
            made |= _read(each["file"], each["query"])
    return made


def _read(name: str, text: str) -> dict[str, Query]:
    try:
        return {name: with_voting(parse(text))}
    except BadQuery:
        return {}


def _variant(each: Mapping[str, str]) -> dict[str, str]:
    text = re.sub(r'(message: *")', r"\1A variant of ", each["query"])
    return {"file": f"{each['file']}, a variant", "query": text}


def to_plant(scanner: Scanner, made: Mapping[str, Query]) -> Iterator[tuple[str, str, str]]:
    """For queries what each asks of the message, in a file where that is a hit: the rule, the path and the text."""
    for rule, query in made.items():
        texts = re.findall(r'message: *"((?:\\.|[^"\\])*)"', query.text)
        text = " - ".join(texts).replace("\\", "").replace("\n", " ")
        for path in devstack_logs.SIZES:
            line = devstack_logs.planted_line(path, text).encode()
            if rule in {hit.rule for hit in scanner.scan(BUILD, path, [line]).hits}:
                yield rule, path, text
                break


def write(folder: Path) -> int:
    """Write the logs, and packed ones beside them; returns the bytes."""
    made = queries(100)
    chosen = list(to_plant(Scanner(made), made))[:PLANTED]
    assert len(chosen) == PLANTED, f"only {len(chosen)} can be planted"
    planted: dict[str, list[str]] = {}
    for _, path, text in chosen:
        planted.setdefault(path, []).append(text)
    size = devstack_logs.write(folder / "plain", planted)
    for path in devstack_logs.SIZES:
        packed = folder / "packed" / f"{path}.gz"
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(gzip.compress((folder / "plain" / path).read_bytes(), PACKED))
    (folder / "planted.json").write_text(json.dumps([(rule, path) for rule, path, _ in chosen]))
    return size


def scanned(scanner: Scanner, folder: Path, opened: Callable[[str], Iterator[bytes]]) -> None:
    """One pass; each planted hit is found."""
    hits = {(hit.rule, path) for path in devstack_logs.SIZES if scanner.wanted(BUILD, path)
            for hit in scanner.scan(BUILD, path, opened(path)).hits}
    missed = {tuple(each) for each in json.loads((folder / "planted.json").read_text())} - hits
    assert not missed, missed


def plain_pass(folder: Path, number: int, engine: type[Engine]) -> Callable[[], None]:
    scanner = Scanner(queries(number), engine)
    return lambda: scanned(scanner, folder, lambda path: blocks(folder / "plain" / path))


def grep(folder: Path) -> float:
    """Seconds of CPU of one string's count in all files."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["grep", "-c", "-F", NEVER, *(folder / "plain" / path for path in devstack_logs.SIZES)],
                   stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_library(name: str, folder: Path) -> dict[str, dict[str, float]]:
    library = importlib.import_module(name)
    packed = [folder / "packed" / f"{path}.gz" for path in devstack_logs.SIZES]

    def opened(path: str) -> Iterator[bytes]:
        return unzipped(blocks(folder / "packed" / f"{path}.gz"), packed_limit=1 << 40, unpacked_limit=1 << 40,
                        library=library)

    figures = {}
    for number in (100, 1000):
        scanner = Scanner(queries(number))
        scanned(scanner, folder, opened)
        figures[str(number)] = medians(
            GZIP_ROUNDS, scan=lambda scanner=scanner: scanned(scanner, folder, opened),
            gunzip=lambda: [gunzipped(path, library) for path in packed])
    return figures


def peak(folder: Path) -> float:
    """MB of memory beyond what the imports take, at most: 1,000 queries made ready, and one pass."""
    def status(name: str) -> int:
        return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])

    imported = status("VmRSS")
    plain_pass(folder, 1000, Hyperscan)()
    return (status("VmHWM") - imported) * 1024 / 1e6


def in_a_process(*arguments: str) -> Any:
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def verdict(met: bool, goal: str) -> str:
    return f"{goal} ({'met' if met else 'missed'})"


def speeds(folder: Path, size: int) -> Iterator[list[str]]:
    greps = median(grep(folder) for _ in range(ROUNDS))
    for number in (100, 1000):
        for engine in (Hyperscan, Re2):
            once = plain_pass(folder, number, engine)
            begin = time.process_time()
            once()
            first = time.process_time() - begin
            cost = medians(ROUNDS, ours=once)["ours"]
            goal, ratio, is_goal = GOALS[str(number)], cost / greps, engine is Hyperscan
            yield [f"{number:,} queries, {engine.__name__.lower()}", f"{cost:.3f} s", f"{size / cost / 1e6:,.0f} MB/s",
                   verdict(size / cost / 1e6 >= goal, f"≥ {goal:,.0f}") if is_goal else "", f"{ratio:.1f}",
                   verdict(ratio <= GOALS["grep"], "≤ 4") if is_goal and number == 100 else "", f"{first - cost:.1f} s"]
    yield ["grep -c -F, one string", f"{greps:.3f} s", f"{size / greps / 1e6:,.0f} MB/s", "", "1.0", "", ""]


def packed(folder: Path) -> Iterator[list[str]]:
    for name in LIBRARIES:
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        short = name.partition(".")[0]
        for number, times in in_a_process("--library", name, "--folder", str(folder)).items():
            ratio, goal = times["scan"] / times["gunzip"], GOALS[short]
            yield [f"{int(number):,} queries, {short}", f"{times['scan']:.3f} s", f"{times['gunzip']:.3f} s",
                   f"{ratio:.2f}", verdict(ratio <= goal, f"≤ {goal:g}") if number == "100" else ""]


def report() -> None:
    line = machine()
    with tempfile.TemporaryDirectory(prefix="counterbot-bench-") as name:
        folder = Path(name)
        size = write(folder)
        used = in_a_process("--peak", "--folder", name)
        show(line,
             table([f"{size / 1e6:.0f} MB of logs", "CPU", "speed", "goal", "of grep", "goal", "made ready"],
                   list(speeds(folder, size))),
             table(["the same, gzip", "counterbot", "decompressing alone", "ratio", "goal"], list(packed(folder))),
             table(["peak memory beyond imports", "MB", "goal"],
                   [["1,000 queries", f"{used:.0f} MB", verdict(used <= GOALS["memory"], f"≤ {GOALS['memory']:.0f}")]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for part in ("--library", "--folder"):
        parser.add_argument(part, help=argparse.SUPPRESS)
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.library:
        print(json.dumps(with_library(options.library, Path(options.folder))))
    elif options.peak:
        print(json.dumps(peak(Path(options.folder))))
    else:
        report()


if __name__ == "__main__":
    main()
