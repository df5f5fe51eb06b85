"""Fuzzes the targets with atheris: ``python tests/fuzz/run.py --minutes 1 [TARGET …]``, two side by side.

A process a target, with its seeds and what was found before; a line a target; status 1 where one broke
a promise, whose input is then in ``found/TARGET/``, where the ordinary tests run it, and printed as the
command that puts it there on another machine. Stops by itself: minutes are counted in runs, so that with one
``--seed`` every machine, fast or slow, tries the same inputs.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOUND = HERE / "found"
AT_ONCE = 2
LONGEST = 10_000
"""Bytes of an input; larger seeds are cut."""

HANGS = 20
"""Seconds for one input before it counts as one that never ends."""

MEGABYTES = 800
ALIKE = ("-reload=0", "-use_cmp=0", "-entropic=0")
"""Without what depends on the clock and on addresses in memory, though it helps to find more."""

PATIENCE, SLACK = 10, 120
"""How much slower than usual a machine may be, and seconds for starting."""

INSIDE = "import sys; sys.path[0] = sys.argv.pop(1); from tests.fuzz.run import inside; inside()"
TOLD = re.compile(r"^ *=== Uncaught Python exception: ===\n(?P<exception>.*)", re.MULTILINE)
ERROR = re.compile(r"ERROR: libFuzzer: (?P<error>.*)")
PROGRESS = re.compile(r"^#(?P<runs>\d+)\t.*?(?: cov: (?P<coverage>\d+))?(?: ft:.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """What a target's process came to. ``found`` is where the input that broke it was put."""

    target: str
    runs: int
    coverage: str
    trouble: str = ""
    found: Path | None = None

    def __str__(self) -> str:
        line = f"{self.target:12} {self.runs:>10,} runs, coverage {self.coverage:>5}: "
        if self.found is None:
            return line + (self.trouble or "nothing found")
        place, packed = self.found.relative_to(ROOT), base64.b64encode(self.found.read_bytes()).decode()
        return f"{line}FOUND {place}: {self.trouble}\n  echo {packed} | base64 -d > {place}"


def inside() -> None:
    """The process of a target: ``TARGET``, the folder of its crashes and libFuzzer's arguments are its arguments.

    What breaks the target is written down here: libFuzzer's own alarm may end it before it does.
    """
    import atheris

    with atheris.instrument_imports(include=["counterbot", "yaml"], enable_loader_override=False):
        from tests.fuzz.harnesses import TARGETS

    target, crashes = TARGETS[sys.argv.pop(1)], Path(sys.argv.pop(1))

    def watched(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            (crashes / "crash").write_bytes(data)
            raise

    atheris.Setup(sys.argv, watched)
    atheris.Fuzz()


def fuzz(target: str, minutes: float, corpus: Path | None = None, chance: int = 0) -> Result:
    """Run one target for about that long. ``corpus``: a folder that keeps what was learned for the next run.
    ``chance``: where the random numbers begin; 0 is anywhere.
    """
    from tests.fuzz.harnesses import RUNS_A_MINUTE

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("corpus", "seeds", "crashes"):
            (work / name).mkdir()
        _write_seeds(target, work / "seeds")
        command = [
            sys.executable, "-c", INSIDE, str(ROOT), target, str(work / "crashes"),
            str(corpus or work / "corpus"), str(work / "seeds"),
            f"-runs={max(1, round(minutes * RUNS_A_MINUTE[target]))}", f"-max_len={LONGEST}",
            f"-timeout={HANGS}", f"-rss_limit_mb={MEGABYTES}", f"-artifact_prefix={work / 'crashes'}/",
            "-print_final_stats=1", "-len_control=20", f"-seed={chance}", *(ALIKE if chance else ()),
        ]
        return _result(target, *_run(command, work, minutes * 60 * PATIENCE + SLACK), work / "crashes")


def _run(command: list[str], work: Path, limit: float) -> tuple[int, str]:
    """Exit status and output; a process that outlives its time is ended."""
    alike = {**os.environ, "PYTHONHASHSEED": "0"}
    with open(work / "log", "w+b") as log:
        try:
            status = subprocess.run(command, cwd=ROOT, env=alike, stdout=log, stderr=log, timeout=limit).returncode
        except subprocess.TimeoutExpired:
            status = -1
    return status, (work / "log").read_text(errors="replace")


def _write_seeds(target: str, folder: Path) -> None:
    from tests.fuzz.seeds import seeds

    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed[:LONGEST])
    for path in sorted((FOUND / target).glob("*")):
        (folder / path.name).write_bytes(path.read_bytes())


def _result(target: str, status: int, log: str, crashes: Path) -> Result:
    progress = list(PROGRESS.finditer(log))
    runs = int(progress[-1]["runs"]) if progress else 0
    coverage = next((match["coverage"] for match in reversed(progress) if match["coverage"]), "?")
    crash = next(iter(sorted(crashes.iterdir())), None)
    if crash is None:
        tail = "" if status == 0 and runs else f"ended with status {status}: {' | '.join(log.splitlines()[-8:])}"
        return Result(target, runs, coverage, tail)
    told = TOLD.search(log) or ERROR.search(log)
    return Result(target, runs, coverage, told[1][:300] if told else f"status {status}", _kept(target, crash))


def _kept(target: str, crash: Path) -> Path:
    data = crash.read_bytes()
    place = FOUND / target / f"{crash.name.partition('-')[0]}-{hashlib.sha256(data).hexdigest()[:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def main() -> int:
    from tests.fuzz.harnesses import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=1, help="for each target, of a usual machine (default: 1)")
    parser.add_argument("--corpus", type=Path, help="a folder that keeps inputs worth keeping for the next run")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; the same one tries the same inputs "
                                                            "(default: another one each time)")
    given = parser.parse_args()
    unknown = [target for target in given.targets if target not in TARGETS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        parser.error("atheris is not installed; it has wheels for Python 3.11 to 3.13 on Linux, x86-64")
    corpora = {target: _corpus(given.corpus, target) for target in given.targets or TARGETS}
    good = True
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(lambda target: fuzz(target, given.minutes, corpora[target], given.seed), corpora):
            print(result, flush=True)
            good = good and not result.trouble
    return 0 if good else 1


def _corpus(root: Path | None, target: str) -> Path | None:
    if root is None:
        return None
    (root / target).mkdir(parents=True, exist_ok=True)
    return (root / target).resolve()


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    sys.exit(main())
