"""How well change points are found, and how fast, beside Otava and asv.

    python benchmarks/changepoints.py [--series 560] [--peers FOLDER] [--prototype FOLDER]

The peers run in an environment of their own, which is made in FOLDER (default: a temporary one) with pip.

Labelled series: three of TCPD's with the labels of five people each, four of Perfherder's with what its own detector is
expected to find; a point within 5 runs of a label is found. F1 as van den Burg and Williams 2020, "An Evaluation of
Change Point Detection Algorithms", has it: of several people's labels precision counts any, and recall is the mean.

Simulated series, by kind: points found in 1,000 runs where there is none; and, where a step of 3 % is in the middle, in
how many it is found within 5 runs. ``--prototype``: a folder with a changepoints.py that has detect(runs).
"""

import argparse
import csv
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
from changepoint_peers import DETECTORS
from printed import machine, show, table
from series_kinds import KINDS, series

from counterbot.stats.changepoints import change_points

DATA = Path(__file__).parent / "data/changepoints"
NEAR, STEP = 5, 0.03
LENGTHS = (20, 50, 100, 500)
SHOWN = ("normal 1 %", "whole numbers", "log-normal 5 %", "Poisson 2,500", "correlated .3", "correlated .5",
         "spikes in 2 %", "two kinds of nodes 30 %", "constant", "constant, +1 in 10 %")


def labelled():
    """Name, runs and the labels of each person."""
    people = json.loads((DATA / "tcpd/annotations.json").read_text())
    for name, labels in people.items():
        runs = json.loads((DATA / f"tcpd/{name}.json").read_text())["series"][0]["raw"]
        yield name, [float(run) for run in runs], list(labels.values())
    for name, times in json.loads((DATA / "perfherder/expected_timestamps.json").read_text()).items():
        with (DATA / f"perfherder/{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        at = [int(row["timestamp"]) for row in rows]
        yield name, [float(row["value"]) for row in rows], [[at.index(each) for each in times]]


def f1(found, people):
    """The first run counts as a change point, of the labels and of what was found."""
    found = {0, *found}

    def met(labels, points):
        left, count = set(points), 0
        for label in sorted(labels):
            near = [point for point in left if abs(point - label) <= NEAR]
            if near:
                left.remove(min(near, key=lambda point: abs(point - label)))
                count += 1
        return count

    everyone = {0}.union(*people)
    precision = met(everyone, found) / len(found)
    recall = statistics.mean(met({0, *labels}, found) / len({0, *labels}) for labels in people)
    return 2 * precision * recall / (precision + recall)


def timed(detect):
    def run(series):
        done = []
        for runs in series:
            given = np.asarray(runs)
            began = time.process_time()
            found = detect(given)
            done.append(([int(each) for each in found], 1000 * (time.process_time() - began)))
        return done
    return run


def peer(python, name):
    def run(series):
        done = subprocess.run([python, Path(__file__).parent / "changepoint_peers.py"], check=True, text=True,
                              input=json.dumps([name, [list(map(float, runs)) for runs in series]]),
                              stdout=subprocess.PIPE)
        return [(found, ms) for found, ms in json.loads(done.stdout)]
    return run


def environment(folder):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "apache-otava==0.8.0", "asv==0.6.6"], check=True)
    return python


def prototype(folder):
    spec = importlib.util.spec_from_file_location("prototype", Path(folder) / "changepoints.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.detect


def on_labels(detectors):
    known = list(labelled())
    rows = []
    for name, run in detectors.items():
        scores = [f1(found, people) for (found, _), (*_, people) in
                  zip(run([runs for _, runs, _ in known]), known, strict=True)]
        rows.append([name, *(f"{score:.2f}" for score in scores), f"{statistics.mean(scores):.3f}"])
    rows.append(["report nothing", *(f"{f1([], people):.2f}" for *_, people in known),
                 f"{statistics.mean(f1([], people) for *_, people in known):.3f}"])
    return table(["F1, margin 5", *(name for name, *_ in known), "mean"], rows)


def simulated(kind, count, total, step=0.0):
    random = np.random.default_rng([count, zlib.crc32(kind.encode())])
    return [series(kind, count, random, step) for _ in range(total)]


def on_kinds(detectors, total):
    """False points per 1,000 runs by length, then how many of all steps are found."""
    cases = [(kind, count, step) for kind in SHOWN for count in LENGTHS for step in (0.0, STEP)
             if not step or count >= 100]
    made = [simulated(*case[:2], max(8, total * 25 // case[1]), case[2]) for case in cases]
    rows = {}
    for name, run in detectors.items():
        done = iter(run([runs for each in made for runs in each]))  # at once: to start a peer takes a second
        for (kind, count, step), each in zip(cases, made, strict=True):
            points = [next(done)[0] for _ in each]
            false, steps = rows.setdefault((kind, name), ([], []))
            if step:
                steps += [any(abs(point - count // 2) <= NEAR for point in found) for found in points]
            else:
                false.append(1000 * sum(map(len, points)) / (len(each) * count))
    body = [[f"{kind}: {name}", *(f"{each:.2f}" for each in rows[kind, name][0]),
             f"{100 * statistics.mean(rows[kind, name][1]):.0f}%"] for kind in SHOWN for name in detectors]
    return table(["false points in 1,000 runs", *(f"n {count}" for count in LENGTHS), "+3 % found"], body)


def speed(detectors):
    """Median CPU time of five series, ours beside the others."""
    cases = {"500 runs": ("normal 1 %", 500, 0.0), "500, a step": ("normal 1 %", 500, STEP),
             "10,000 runs": ("normal 1 %", 10_000, 0.0)}
    rows, ours = [], {}
    for name, run in detectors.items():
        cells = []
        for case, (kind, count, step) in cases.items():
            ms = statistics.median(each for _, each in run(simulated(kind, count, 5, step)))
            ours.setdefault(case, ms)
            cells.append(f"{ms:.2f} (×{ms / ours[case]:.1f})")
        rows.append([name, *cells])
    return table(["CPU, ms a series (× ours)", *cases], rows)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--series", type=int, default=560, help="of 25 runs each; as many runs in longer ones")
    options.add_argument("--peers", type=Path)
    options.add_argument("--prototype", type=Path)
    asked = options.parse_args()
    assert set(SHOWN) <= set(KINDS)
    with tempfile.TemporaryDirectory() as scratch:
        python = environment(asked.peers or Path(scratch) / "peers")
        detectors = {"counterbot": timed(lambda runs: [point.index for point in change_points(runs)])}
        if asked.prototype:
            detectors["prototype"] = timed(prototype(asked.prototype))
        detectors |= {name: peer(python, name) for name in DETECTORS}
        show(machine(), on_labels(detectors), on_kinds(detectors, asked.series), speed(detectors))


if __name__ == "__main__":
    main()
