#!/usr/bin/env python3
"""What survives assay filter: of networks whose trained accuracy is known, how many are kept, and how many of the best.

usage: bench/filter_study.py DATA [ASSAY]      DATA: the folder of the measured tables, ASSAY: the program
"""
import csv
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLES = [
    # file, space, accuracy
    ("nasbench201_cifar10.csv", "nasbench201", "cifar10_test_accuracy"),
    ("accel_nasbench_imagenet.csv", "mnasnet_accel", "imagenet_top1_accuracy"),
]
KEEP = [5, 10, 20, 30]
BEST = [0.01, 0.05, 0.10]


FRESH = 1000


def kept_rows(program, space, table, percent):
    """The table's rows, each with whether the filter keeps it."""
    answers = subprocess.run(
        [program, "filter", space, "--candidates", table, "--keep-top", f"{percent}%", "--quiet", "--format", "csv"],
        check=True, capture_output=True, text=True).stdout
    return [(row, row["verdict"] == "keep") for row in csv.DictReader(answers.splitlines())]


def share(rows):
    return sum(is_kept for _, is_kept in rows) / len(rows)


def main():
    data = pathlib.Path(sys.argv[1])
    program = sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/release/assay"
    print("| table | networks | `--keep-top` | kept of random candidates | kept of the table |"
          + "".join(f" best {part:.0%} that are kept |" for part in BEST) + " the best network |")
    print("|---|---:|---:|---:|---:|" + "---:|" * (len(BEST) + 1))
    for file, name, accuracy in TABLES:
        space = ROOT / "spaces" / f"{name}.toml"
        with tempfile.NamedTemporaryFile(suffix=".csv") as fresh:  # neither the table's candidates nor the reference's
            subprocess.run([program, "score", space, "--sample", str(FRESH), "--seed", "7", "--scores", "params",
                            "--quiet", "--out", fresh.name], check=True)
            for percent in KEEP:
                rows = kept_rows(program, space, data / file, percent)
                rows.sort(key=lambda row: -float(row[0][accuracy]))
                kept = [is_kept for _, is_kept in rows]
                line = (f"| {name} | {len(rows)} | {percent} % | "
                        f"{share(kept_rows(program, space, fresh.name, percent)):.1%} | {share(rows):.1%} |")
                for part in BEST:
                    count = round(part * len(kept))
                    line += f" {sum(kept[:count])} of {count} ({sum(kept[:count]) / count:.0%}) |"
                first = kept.index(True)
                lost = float(rows[0][0][accuracy]) - float(rows[first][0][accuracy])
                print(line + (" kept |" if first == 0 else f" lost, {lost:.2f} points |"), flush=True)


if __name__ == "__main__":
    main()
