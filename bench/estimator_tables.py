#!/usr/bin/env python3
"""How exact estimators are, fitted and judged by the program's own commands (assay measure, fit, validate).

  bench/estimator_tables.py DATA [ROW ...] [--assay build/release/assay] [--host FOLDER] [--seeds 1,2,3,4,5]

DATA is a folder with accel_nasbench_imagenet.csv (a column per decision of spaces/mnasnet_accel.toml and
zcu102_latency_ms, vck190_latency_ms, tpuv3_images_per_s) and v100_tensorrt_convolutions.csv (dtype, op, batch,
cin, h, w, cout, k, stride, elmtfused, latency_ms). FOLDER holds what `assay measure --device cpu` wrote on the
machine to be judged, see bench/estimator.md. Rows: those of ROWS below, all when none is named; rows whose data
are missing are left out. Every seed draws other rows to fit; all others are predicted. Prints a Markdown table.
"""
import argparse
import csv
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACCELERATORS = ROOT / "spaces" / "accelerators"
MNASNET = ROOT / "spaces" / "mnasnet_accel.toml"
MOBILENET = ROOT / "spaces" / "mobilenetv2.toml"


class Missing(Exception):
    """The data of a row are not there."""


def read_csv(path):
    if not Path(path).exists():
        raise Missing(f"there is no {path}")
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    first = 0
    while first < len(order):
        end = first
        while end < len(order) and values[order[end]] == values[order[first]]:
            end += 1
        for i in order[first:end]:
            result[i] = (first + end - 1) / 2
        first = end
    return result


def figures(pairs):
    """Of (measured, predicted) pairs."""
    errors = [abs(predicted / measured - 1) for measured, predicted in pairs]
    return {
        "rows": len(pairs),
        "mape": 100 * statistics.mean(errors),
        "within": 100 * statistics.mean(error <= 0.1 for error in errors),
        "spearman": statistics.correlation(*(ranks(column) for column in zip(*pairs))),
    }


def macs_alone(known, others):
    """The least squares line latency = a + b MACs, errors relative; each row a (MACs, latency) pair."""
    weights = [1 / latency**2 for _, latency in known]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, known)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, known)) / total
    slope = (sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, known)) /
             sum(w * (x - mean_x)**2 for w, (x, _) in zip(weights, known)))
    return figures([(y, max(mean_y + slope * (x - mean_x), 1e-9)) for x, y in others])["mape"]


class Bench:
    def __init__(self, options, folder):
        self.assay, self.data, self.host = options.assay, Path(options.data), options.host
        self.folder = Path(folder)

    def run(self, *arguments):
        command = [str(self.assay), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def macs(self, space, path):
        table = self.folder / "macs.csv"
        self.run("score", space, "--candidates", path, "--scores", "macs", "--no-cache", "--out", table, "--quiet")
        return [float(row["macs"]) for row in read_csv(table)]

    def fit(self, accelerator, measurements, spaces=(), seed=1, rows=None, target=None):
        """Returns the estimator's file, seconds, and the cross-validated error of the roofline alone."""
        estimator = self.folder / "estimator.json"
        arguments = ["--measurements", ",".join(map(str, measurements)), *self.reading(spaces, target)]
        if rows:
            arguments += ["--rows", rows]
        start = time.perf_counter()
        self.run("fit", *arguments, "--accelerator", accelerator, "--seed", seed, "--out", estimator, "--quiet")
        seconds = time.perf_counter() - start
        with open(estimator) as file:
            return estimator, seconds, json.load(file)["cross_validation"]["roofline_mape_percent"]

    def predictions(self, estimator, measurements, spaces=(), target=None):
        """Of the rows that the estimator was not fitted to."""
        path = self.folder / "predictions.csv"
        self.run("validate", "--estimator", estimator, "--measurements", ",".join(map(str, measurements)),
                 *self.reading(spaces, target), "--predictions", path, "--format", "csv", "--quiet")
        return read_csv(path)

    @staticmethod
    def reading(spaces, target):
        arguments = ["--space", ",".join(map(str, spaces))] if spaces else []
        return arguments + (["--target", target, "--skip-missing"] if target else [])

    def judge(self, accelerator, known, others, spaces, seed, **options):
        """`known` are files to fit to; `others`, where not the same files, hold the rows to predict."""
        target = options.get("target")
        estimator, seconds, roofline = self.fit(accelerator, known, spaces, seed, **options)
        rows = self.predictions(estimator, others, spaces, target)
        result = figures([(float(row["measured_ms"]), float(row["latency_ms"])) for row in rows])
        return result | {"seconds": seconds, "roofline": roofline, "macs": self.macs_of(known, others, spaces, rows,
                                                                                       target)}

    def macs_of(self, known, others, spaces, predicted, target):
        """What MACs alone predict, for one space and files of networks."""
        if len(spaces) != 1:
            return None
        tested = {(row["source"], int(row["line"])) for row in predicted}
        fitted, judged = [], []
        for path in dict.fromkeys([*known, *others]):
            for line, (row, macs) in enumerate(zip(read_csv(path), self.macs(spaces[0], path)), start=2):
                value = row[target or "latency_ms"]
                if not value:
                    continue
                latency = 1000 / float(value) if (target or "").endswith("_per_s") else float(value)
                if (str(path), line) in tested:
                    judged.append((macs, latency))
                elif path in known:
                    fitted.append((macs, latency))
        return macs_alone(fitted, judged)

    def shared_table(self):
        path = self.data / "accel_nasbench_imagenet.csv"
        read_csv(path)
        return path


def zcu102(bench, seed):
    table = bench.shared_table()
    return bench.judge(ACCELERATORS / "zcu102_dpu.toml", [table], [table], [MNASNET], seed, rows=100,
                       target="zcu102_latency_ms")


def vck190(bench, seed):
    table = bench.shared_table()
    return bench.judge(ACCELERATORS / "vck190_dpu.toml", [table], [table], [MNASNET], seed, rows=100,
                       target="vck190_latency_ms")


def tpuv3(bench, seed):
    table = bench.shared_table()
    return bench.judge(ACCELERATORS / "tpuv3.toml", [table], [table], [MNASNET], seed, rows=200,
                       target="tpuv3_images_per_s")


def zcu102_expansion(bench, seed):
    """From networks without any stage of expansion 4 to those with."""
    rows = read_csv(bench.shared_table())
    expansions = [name for name in rows[0] if name.endswith(".expansion")]
    without = [row for row in rows if all(row[name] != "4" for name in expansions)]
    having = [row for row in rows if any(row[name] == "4" for name in expansions)]
    # At most 100; the table has 55 of them, so that seeds differ in the fit's folds only.
    random.Random(seed).shuffle(without)
    known = write_csv(bench.folder / "without.csv", without[:100])
    others = write_csv(bench.folder / "having.csv", having)
    return bench.judge(ACCELERATORS / "zcu102_dpu.toml", [known], [others], [MNASNET], seed,
                       target="zcu102_latency_ms")


def v100_subgraph(row):
    """A row of the V100 table as spaces/accelerators/measurements.md describes subgraphs."""
    stride, depthwise, added = int(row["stride"]), row["op"] == "dw", row["elmtfused"] == "1"
    return {
        "operator": "convolution",
        "fused": "batch_norm+add" if added else "batch_norm",
        "operands": 2 if added else 1,
        "in_channels": row["cin"], "in_height": row["h"], "in_width": row["w"],
        "out_channels": row["cout"],
        "out_height": math.ceil(int(row["h"]) / stride), "out_width": math.ceil(int(row["w"]) / stride),
        "kernel_h": row["k"], "kernel_w": row["k"], "stride_h": stride, "stride_w": stride,
        "groups": row["cin"] if depthwise else 1,
        "latency_ms": row["latency_ms"],
    }


def v100_macs(row):
    per_pixel = int(row["kernel_h"])**2 * int(row["in_channels"]) // int(row["groups"]) * int(row["out_channels"])
    return per_pixel * int(row["out_height"]) * int(row["out_width"])


def v100(bench, seed):
    """2,000 convolutions of both data types to fit, the other 2,000 to test; an estimator for each type."""
    rows = read_csv(bench.data / "v100_tensorrt_convolutions.csv")
    random.Random(seed).shuffle(rows)
    half = len(rows) // 2
    pairs, seconds, roofline, macs = [], 0, 0, 0
    for data_type in ("int8", "fp16"):
        known, others = ([v100_subgraph(row) for row in part if row["dtype"] == data_type]
                         for part in (rows[:half], rows[half:]))
        files = [write_csv(bench.folder / f"{name}.csv", part) for name, part in (("known", known), ("others", others))]
        estimator, took, error = bench.fit(ACCELERATORS / f"v100_{data_type}.toml", files[:1], seed=seed)
        pairs += [(float(row["measured_ms"]), float(row["latency_ms"]))
                  for row in bench.predictions(estimator, files[1:])]
        seconds += took
        roofline += error * len(others) / half
        macs += macs_alone(*([(v100_macs(row), float(row["latency_ms"])) for row in part]
                             for part in (known, others))) * len(others) / half
    return figures(pairs) | {"seconds": seconds, "roofline": roofline, "macs": macs}


def edge_npu(bench, seed, name):
    """Five hundred subgraphs of a cycle model, against its own values of other networks of two spaces."""
    accelerator = ACCELERATORS / f"{name}.toml"
    subgraphs = bench.folder / f"{name}.{seed}.subgraphs.csv"
    networks = bench.folder / f"{name}.{seed}.csv"
    spaces = [MNASNET, MOBILENET]
    bench.run("measure", *spaces, "--device", accelerator, "--subgraphs", 500, "--networks", 500, "--seed", seed,
              "--out", subgraphs, "--networks-out", networks, "--quiet")
    others = [networks.with_suffix(f".{space.stem}.csv") for space in spaces]
    return bench.judge(accelerator, [subgraphs], others, spaces, seed)


def edge_npu_16(bench, seed):
    return edge_npu(bench, seed, "edge_npu_16")


def edge_npu_64(bench, seed):
    return edge_npu(bench, seed, "edge_npu_64")


def host_cpu(bench, seed):
    """500 subgraphs and 20 networks, ten of each space, against the networks of two test files."""
    if not bench.host:
        raise Missing("measurements of a machine are given with --host")
    folder, spaces = Path(bench.host), [MNASNET, MOBILENET]
    known = [folder / "subgraphs.csv"]
    for space in spaces:
        rows = read_csv(folder / f"fit.{space.stem}.csv")
        random.Random(seed).shuffle(rows)
        known.append(write_csv(bench.folder / f"fit.{space.stem}.csv", rows[:10]))
    others = [folder / f"test.{space.stem}.csv" for space in spaces]
    noise = statistics.median(float(row["noise_percent"]) for path in others for row in read_csv(path)
                              if row["noise_percent"])
    return bench.judge(ACCELERATORS / "host_cpu.toml", known, others, spaces, seed) | {"noise": noise}


# What is fitted to what, and what it must reach.
ROWS = {
    zcu102: ("ZCU102, 100 networks", "MAPE <= 1.0 %, within 10 % >= 99.5 %"),
    vck190: ("VCK190, 100 networks", "MAPE <= 2.0 %, within 10 % >= 99 %"),
    tpuv3: ("TPUv3, 200 networks", "MAPE <= 5 %"),
    zcu102_expansion: ("ZCU102, all 55 networks without expansion 4, tested on those with", "MAPE <= 3 %"),
    v100: ("V100 int8 and fp16, 2,000 convolutions", "MAPE <= 10 %"),
    host_cpu: ("this machine's CPU, 500 subgraphs and 20 networks",
               "MAPE <= 7 %, within 10 % >= 80 %, Spearman >= 0.985"),
    edge_npu_16: ("edge_npu_16 cycle model, 500 subgraphs", "within 10 % >= 99 %"),
    edge_npu_64: ("edge_npu_64 cycle model, 500 subgraphs", "within 10 % >= 99 %"),
}


def table_line(row, results):
    def mean_and_worst(name, digits, worst):
        values = [result[name] for result in results]
        return f"{statistics.mean(values):.{digits}f} ({worst(values):.{digits}f})"

    def mean(name):
        values = [result.get(name) for result in results if result.get(name) is not None]
        return f"{statistics.mean(values):.1f}" if values else ""

    title, target = ROWS[row]
    cells = [title, target, results[0]["rows"], mean_and_worst("mape", 2, max), mean_and_worst("within", 1, min),
             mean_and_worst("spearman", 4, min), mean("noise"), mean("roofline"), mean("macs"), mean("seconds")]
    return "| " + " | ".join(map(str, cells)) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.__name__ for row in ROWS))
    parser.add_argument("--assay", default=ROOT / "build" / "release" / "assay")
    parser.add_argument("--host", help="folder of measurements of a CPU")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    options = parser.parse_args()
    names = {row.__name__: row for row in ROWS}
    unknown = [name for name in options.rows if name not in names]
    if unknown:
        parser.error(f"unknown row {unknown[0]}; known are {', '.join(names)}")
    seeds = [int(seed) for seed in options.seeds.split(",")]
    print(f"Mean over {len(seeds)} draws (in brackets the worst). Roofline: the estimator without its Gaussian process, "
          "cross-validated. MACs: a line through them.\n")
    print("| fitted to | target | judged by, rows | MAPE % | within 10 % | Spearman | noise % | roofline % | MACs % "
          "| fit, s |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in [names[name] for name in options.rows] or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(options, folder)
            try:
                print(table_line(row, [row(bench, seed) for seed in seeds]), flush=True)
            except Missing as missing:
                print(f"{row.__name__} left out: {missing}", file=sys.stderr)


if __name__ == "__main__":
    main()
