#!/usr/bin/env python3
"""How well weights learned from a few known accuracies rank the rest.

  bench/few_shot.py build/release/assay spaces/nasbench201.toml SCORED.csv ACCURACY [--rows 30] [--draws 50]

SCORED.csv is a table of known accuracies with scores, as `assay score --candidates TABLE.csv --out SCORED.csv`
writes it. Each draw learns from other rows (assay validate --fit-rows) and is judged by all that are left.
"""
import argparse
import json
import statistics
import subprocess

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("assay")
parser.add_argument("space")
parser.add_argument("scored")
parser.add_argument("accuracy")
parser.add_argument("--rows", type=int, default=30)
parser.add_argument("--draws", type=int, default=50)
parser.add_argument("--scores", help="learn from these only; all of the table when not given")
options = parser.parse_args()

found = {"rank_score": [], "learned_rank_score": []}
for draw in range(1, options.draws + 1):
    command = [options.assay, "validate", options.space, "--known", options.scored, "--accuracy", options.accuracy,
               "--scored", "--fit-rows", str(options.rows), "--seed", str(draw), "--resamples", "0",
               "--format", "json", "--quiet"]
    if options.scores:
        command += ["--scores", options.scores]
    lines = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for line in lines:
        if line["score"] in found:
            found[line["score"]].append(line["spearman"])

pairs = list(zip(found["rank_score"], found["learned_rank_score"]))
if pairs:
    gains = sorted(learned - usual for usual, learned in pairs)
    print(f"learned over rank_score: worst draw {gains[0]:+.4f}, tenth part {gains[len(gains) // 10]:+.4f}, "
          f"worse in {sum(gain < 0 for gain in gains)} of {len(gains)} draws")
for name, values in found.items():
    if values:
        print(f"{name}: mean Spearman {statistics.mean(values):.4f}, worst {min(values):.4f}, "
              f"standard deviation {statistics.pstdev(values):.4f} over {len(values)} draws of {options.rows} rows")
