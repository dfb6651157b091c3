#!/usr/bin/env python3
"""What gradient-boosted trees make of the V100 convolutions that bench/estimator_tables.py gives to a Gaussian process.

  bench/tree_study.py DATA/v100_tensorrt_convolutions.csv [--seeds 1,2,3]

Needs scikit-learn. The same draws, one ensemble for each data type, logarithms of latency over the logarithms of the
shape, work, traffic and arithmetic intensity, and how the last round of tiles fills the 80 multiprocessors.
"""
import argparse
import csv
import math
import random
import statistics
import time

from sklearn.ensemble import GradientBoostingRegressor


def features(row):
    cin, cout, kernel, stride, height = (int(row[name]) for name in ("cin", "cout", "k", "stride", "h"))
    depthwise = row["op"] == "dw"
    out_height = math.ceil(height / stride)
    pixels = out_height**2
    weights = kernel**2 * (1 if depthwise else cin) * cout
    elements = cin * height**2 + (2 if row["elmtfused"] == "1" else 1) * cout * pixels
    macs = weights * pixels
    x = [depthwise, row["elmtfused"] == "1", kernel, stride]
    x += [math.log2(value) for value in (cin, cout, height, out_height, weights, elements, macs,
                                         macs / (weights + elements))]
    for tile in (64, 128):
        tiles = math.ceil(pixels / tile) * math.ceil(cout / tile)
        x += [math.log2(tiles), math.log2(math.ceil(tiles / 80) * 80 / tiles), math.log2(math.ceil(cout / tile) * tile / cout)]
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--seeds", default="1,2,3")
    options = parser.parse_args()
    with open(options.table, newline="") as file:
        table = list(csv.DictReader(file))
    print("| trees | depth | MAPE % (worst draw) | within 10 % | fit, s |\n|---:|---:|---:|---:|---:|")
    for trees, depth in ((200, 3), (600, 5), (600, 8)):
        means, within, seconds = [], [], []
        for seed in map(int, options.seeds.split(",")):
            rows = list(table)
            random.Random(seed).shuffle(rows)
            half, errors, start = len(rows) // 2, [], time.perf_counter()
            for data_type in ("int8", "fp16"):
                known, others = ([row for row in part if row["dtype"] == data_type] for part in (rows[:half], rows[half:]))
                model = GradientBoostingRegressor(n_estimators=trees, max_depth=depth, learning_rate=0.05, subsample=0.7,
                                                  random_state=seed)
                model.fit([features(row) for row in known], [math.log(float(row["latency_ms"])) for row in known])
                for row, predicted in zip(others, model.predict([features(row) for row in others])):
                    errors.append(abs(math.exp(predicted) / float(row["latency_ms"]) - 1))
            seconds.append(time.perf_counter() - start)
            means.append(100 * statistics.mean(errors))
            within.append(100 * statistics.mean(error <= 0.1 for error in errors))
        print(f"| {trees} | {depth} | {statistics.mean(means):.1f} ({max(means):.1f}) | {statistics.mean(within):.1f} | "
              f"{statistics.mean(seconds):.1f} |", flush=True)


if __name__ == "__main__":
    main()
