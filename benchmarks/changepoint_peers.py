"""Change points by other tools, in an environment of their own: run by benchmarks/changepoints.py.

Reads ``[detector, [series, …]]`` in JSON from standard input, and prints ``[[[index, …], ms], …]``, one a series. Needs
apache-otava and asv, and nothing of counterbot's.
"""

import json
import sys
import time


def otava(p, least):
    from otava.analysis import compute_change_points

    def detect(runs):
        found, _ = compute_change_points(runs, window_len=50, max_pvalue=p, min_magnitude=least)
        return [int(each.index) for each in found]
    return detect


def asv():
    from asv.step_detect import detect_steps

    return lambda runs: [int(step[0]) for step in detect_steps(runs)[1:]]


DETECTORS = {
    "Otava 0.8.0, p .001": lambda: otava(0.001, 0.0),
    "Otava 0.8.0, p .001, 1 %": lambda: otava(0.001, 0.01),
    "Otava 0.8.0, p 1e-5, 1 %": lambda: otava(1e-5, 0.01),
    "asv 0.6.6": asv,
}


def main():
    name, series = json.load(sys.stdin)
    detect = DETECTORS[name]()
    detect(series[0])  # what is loaded late
    done = []
    for runs in series:
        began = time.process_time()
        found = detect(runs)
        done.append([found, 1000 * (time.process_time() - began)])
    json.dump(done, sys.stdout)


if __name__ == "__main__":
    main()
