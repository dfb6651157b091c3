#!/usr/bin/python3
"""Scores of exported networks, computed independently with PyTorch, beside those that assay gave them.

    export_scores spaces/nasbench201.toml 20 16 1 /tmp/networks
    bench/pytorch/scores.py /tmp/networks [--roundings | --time]

Values are computed in double precision from the exported weights, inputs, labels and signs; every formula
stands here a second time, after its paper. Gradients of deep networks of ReLUs are ill-conditioned: a weight
that moves by one rounding of a float can switch units and move the score by 1e-3. So where a score differs by
more than its tolerance, all of that network are computed again with weights and inputs moved by such roundings,
and once in single precision; the difference counts only where it exceeds twice the most that this does. With
--roundings, that is done and shown for every network, in six times the time.

With --time, the three scores of AZ-NAS run in single precision instead, and their processor time is compared
with assay's on the same network and batch (both on one thread).
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

import numpy
import torch

from activation_scores import activation_scores
from az_nas import az_nas
from exported import Exported
from gradient_scores import gradient_scores
from signal_scores import signal_scores
from structure_scores import structure_scores

TOLERANCE = 1e-3
# grasp is a difference of |g|^2 between two sizes of the weights: small beside it, in single precision, and the
# gradient may change within the step. The sum of zico hangs on the few weights whose gradients hardly differ
# between two batches.
TOLERANCES = {"grasp": 5e-2, "zico": 5e-3}
ROUNDINGS = 4


def all_scores(exported):
    return {
        **az_nas(exported)(),
        **activation_scores(exported),
        **gradient_scores(exported),
        **signal_scores(exported),
        **structure_scores(exported),
    }


def seconds(action):
    action()
    start = time.process_time()
    action()
    return time.process_time() - start


def moved_by_roundings(path):
    random = numpy.random.default_rng(1)
    moved = [all_scores(Exported(path, torch.float64, random)) for _ in range(ROUNDINGS)]
    return [*moved, all_scores(Exported(path, torch.float32))]


def compare_values(paths, always_round):
    """Prints the largest difference of every score; true when all agree."""
    worst = {}
    for path in paths:
        exported = Exported(path, torch.float64)
        values, given = all_scores(exported), exported.description["scores"]
        relative = lambda name, other: abs(other - values[name]) / max(abs(values[name]), 1e-3)
        errors = {name: relative(name, given[name]) for name in values if given[name] is not None}
        tolerances = {name: TOLERANCES.get(name, TOLERANCE) for name in errors}
        differs = any(errors[name] > tolerances[name] for name in errors)
        moved = moved_by_roundings(path) if always_round or differs else []
        for name, error in errors.items():
            rounding = max((relative(name, each[name]) for each in moved), default=0)
            allowed = max(tolerances[name], 2 * rounding)
            worst.setdefault(name, []).append((error / allowed, error, rounding))
    print(f"Largest relative difference over n of {len(paths)} networks, and what roundings do to that network:")
    for name, errors in worst.items():
        excess, error, rounding = max(errors)
        shown = f"{rounding:.1e}" if rounding > 0 else "-"
        print(f"  {name:<20} n = {len(errors)}  {error:.1e}  {shown:<7}  {'ok' if excess <= 1 else 'DIFFERENT'}")
    for name in sorted(given.keys() - worst.keys()):
        print(f"  {name:<20} not compared")
    return bool(worst) and all(max(errors)[0] <= 1 for errors in worst.values())


def compare_times(paths):
    torch_seconds, assay_seconds = [], []
    for path in paths:
        exported = Exported(path, torch.float32)
        torch_seconds.append(seconds(az_nas(exported)))
        assay_seconds.append(exported.description["az_nas_seconds"])
    torch_mean, assay_mean = statistics.fmean(torch_seconds), statistics.fmean(assay_seconds)
    print(
        f"AZ-NAS, seconds of processor time a network: PyTorch {torch_mean:.3f}, assay {assay_mean:.3f}, "
        f"ratio {torch_mean / assay_mean:.1f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--roundings", action="store_true", help="show what roundings do to every score")
    parser.add_argument("--time", action="store_true", help="compare times instead of values")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    paths = []
    for path in sorted(arguments.folder.glob("*.json"), key=lambda path: int(path.stem)):
        status = json.loads(path.read_text())["status"]
        if status != "ok":
            print(f"{path.stem}: {status}")
        # What is left of such a network is a zero operator and the classifier's bias.
        if "constant_output" not in status:
            paths.append(path)
    if not paths:
        sys.exit(f"{arguments.folder} holds no exported network.")
    if arguments.time:
        compare_times(paths)
    elif not compare_values(paths, arguments.roundings):
        sys.exit(1)


if __name__ == "__main__":
    main()
