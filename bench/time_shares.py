"""Where the time of scores goes: samples a benchmark of score_bench with perf and sorts the samples by what ran.

    bench/time_shares.py build/test/bench/score_bench cells/zen/16 [FILTER ...]

oneDNN names its generated code for perf (DNNL_JIT_PROFILE); a 1x1 kernel serves all three directions of a
convolution. Needs Linux and perf; without hardware counters it samples the processor's clock.
"""

import argparse
import collections
import os
import re
import subprocess
import tempfile

# The first that matches a symbol or its library.
KINDS = [
    ("convolution, forward", r"conv_fwd|conv.*fwd_kernel"),
    ("convolution, backward data", r"conv_bwd_data"),
    ("convolution, backward weights", r"conv_bwd_weights"),
    ("convolution 1x1, all directions", r"1x1_conv|brgemm"),
    ("batch norm, activation, addition", r"AffineSum|AffineGradient|NormGradient|BatchStatistics"),
    ("pooling", r"Pool"),
    ("covariances, Jacobians", r"assay::(.*::)?(add_tile|pack|add_row_sums|subtract|add_product)\b|Signs|FeatureCovariance"),
    ("eigenvalues", r"Eigen::|eigenvalue|::sweep|spectral"),
    ("random numbers", r"Random::|::generate"),
    ("sums over weights, activity patterns", r"WeightSums|Activation|encode|popcount|InputJacobian|FeatureDifference"),
    ("memory: clearing, copies, page faults", r"memset|memmove|memcpy|kernel\.kallsyms|clear_page"),
    ("primitives: calls, reorders, creation", r"libdnnl|jit_|JIT"),
]


def kind_of(symbol):
    return next((kind for kind, pattern in KINDS if re.search(pattern, symbol)), "compiling networks, other")


def shares(program, benchmark):
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        subprocess.run(
            ["perf", "record", "-q", "-e", "cpu-clock:u", "-F", "2000", "-o", data, program]
            + [f"--benchmark_filter=^score/{re.escape(benchmark)}/real_time$", "--benchmark_min_time=4"],
            env=os.environ | {"DNNL_JIT_PROFILE": "2"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        report = subprocess.run(
            ["perf", "report", "-i", data, "--stdio", "--no-children", "--sort", "dso,symbol", "-t", "\t"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    result = collections.Counter()
    for line in report.splitlines():
        match = re.match(r"\s*([\d.]+)%?\s*\t(.*)", line)
        if match:
            result[kind_of(match[2])] += float(match[1])
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="score_bench")
    parser.add_argument("benchmarks", nargs="+", help='as in "cells/zen/16"')
    arguments = parser.parse_args()
    columns = [shares(arguments.program, each) for each in arguments.benchmarks]
    print("| percent of the time | " + " | ".join(arguments.benchmarks) + " |")
    print("|---|" + "---:|" * len(columns))
    for kind in [kind for kind, _ in KINDS] + ["compiling networks, other"]:
        print(f"| {kind} | " + " | ".join(f"{column[kind]:.1f}" for column in columns) + " |")


main()
