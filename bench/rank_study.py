#!/usr/bin/python3
"""The evidence for the default rank score: every table of bench/scores.md.

  bench/rank_study.py BUILD FOLDER NAME=SPACE.toml:TABLE.csv:ACCURACY ... [--limit COLUMN<=VALUE]

BUILD is a build folder with `assay` and `capacity_grid`. Each TABLE has one column per decision and a column
of true accuracies. Scores are computed once and kept in FOLDER. Needs python3-numpy.
"""
import argparse
import csv
import itertools
import pathlib
import subprocess

import numpy as np

PARTS = ["capacity", "signal_propagation", "gradient_correlation", "gradient_drift", "feature_similarity"]
OTHERS = ["params", "macs", "depth", "blocks", "nn_mass", "nn_degree", "entropy", "naswot", "swap", "linear_regions",
          "jacob_cov", "synflow", "grad_norm", "snip", "fisher", "zen", "expressivity", "progressivity",
          "trainability", "participation_ratio", "meco"]
NO_SIGNAL = -20


def ranks(values):
    values = np.asarray(values, float)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.searchsorted(ranked, ranked, "left")
    last = np.searchsorted(ranked, ranked, "right")
    result = np.empty(len(values))
    result[order] = (first + last + 1) / 2
    return result


def spearman(a, b):
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def kendall(a, b):
    a, b = np.asarray(a), np.asarray(b)
    da, db = np.sign(a[:, None] - a[None, :]), np.sign(b[:, None] - b[None, :])
    return float((da * db).sum() / np.sqrt((da * da).sum() * (db * db).sum()))


class Table:
    def __init__(self, options, description, most_rows=None):
        self.name, rest = description.split("=", 1)
        self.space, self.path, self.column = rest.rsplit(":", 2)
        self.options = options
        with open(self.path) as file:
            self.rows = list(csv.DictReader(file))
        if most_rows and most_rows < len(self.rows):
            self.rows = self.rows[:most_rows]
            self.name += f"-first-{most_rows}"
            self.path = options.folder / f"{self.name}.csv"
            with open(self.path, "w") as file:
                writer = csv.DictWriter(file, self.rows[0])
                writer.writeheader()
                writer.writerows(self.rows)
        self.accuracy = np.array([float(row[self.column]) for row in self.rows])

    def score(self, scores, **settings):
        """Columns by name, failures as -infinity."""
        kept = self.options.folder / (self.name + "-" + "-".join(f"{k}{v}" for k, v in sorted(settings.items()))
                                      + f"-{len(scores)}.csv")
        if not kept.exists():
            flags = [f"--{k}={v}" for k, v in settings.items()]
            subprocess.run([self.options.build / "assay", "score", self.space, "--candidates", self.path, "--scores",
                            ",".join(scores), "--no-cache", "--quiet", "--format", "csv", "--out", kept, *flags],
                           check=True)
        with open(kept) as file:
            rows = list(csv.DictReader(file))
        return {s: np.array([float(r[s]) if r[s] not in ("", "nan") else -np.inf for r in rows]) for s in scores}

    def all_scores(self):
        return self.score(OTHERS) | self.score(PARTS)

    def capacities(self):
        kept = self.options.folder / (self.name + "-capacity.csv")
        if not kept.exists():
            with open(kept, "w") as file:
                subprocess.run([self.options.build / "bench" / "capacity_grid", self.space, self.path], check=True,
                               stdout=file)
        with open(kept) as file:
            rows = list(csv.DictReader(file))
        return {tuple(map(float, key.split(":"))): np.array([float(row[key]) for row in rows]) for key in rows[0]}


def total(columns, correlation=1.5, drift=0.075, similarity=2.0, enough=0.125, capacity=None):
    """The default rank score from its parts."""
    size = columns["capacity"] if capacity is None else np.log(np.maximum(capacity, 1))
    with np.errstate(invalid="ignore"):
        signal = (-correlation * np.log1p(10 * columns["gradient_correlation"]) - drift * columns["gradient_drift"]
                  + similarity * np.minimum(columns["feature_similarity"], enough))
    return size + np.where(np.isfinite(signal), np.maximum(signal, NO_SIGNAL), NO_SIGNAL)


def log_ranks(values):
    return np.log(ranks(values) / len(values))


def print_table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(x if isinstance(x, str) else f"{x:.3f}" for x in row) + " |")
    print()


def single_scores(tables):
    print("## Every score alone: Spearman with accuracy\n")
    columns = [table.all_scores() for table in tables]
    direction = {"gradient_correlation": -1, "gradient_drift": -1}
    rows = []
    for score in PARTS + OTHERS:
        values = []
        for table, c in zip(tables, columns):
            failed = ~np.isfinite(c[score])
            values.append(spearman(np.where(failed, -np.inf, direction.get(score, 1) * c[score]), table.accuracy))
        rows.append([f"`{score}`", *values, min(values)])
    print_table(["score", *[t.name for t in tables], "worst"], rows)


def combinations(tables):
    print("## Combinations\n")
    columns = [table.all_scores() for table in tables]
    sums = {
        "AZ-NAS (expressivity, progressivity, trainability, macs)":
            ["expressivity", "progressivity", "trainability", "macs"],
        "params, synflow, zen": ["params", "synflow", "zen"],
        "synflow, grad_norm, jacob_cov, params": ["synflow", "grad_norm", "jacob_cov", "params"],
        "snip, params": ["snip", "params"],
        "capacity, jacob_cov": ["capacity", "jacob_cov"],
        "capacity, jacob_cov, AZ-NAS three":
            ["capacity", "jacob_cov", "expressivity", "progressivity", "trainability"],
        "capacity and the three parts": ["capacity", "gradient_correlation", "gradient_drift", "feature_similarity"],
    }
    direction = {"gradient_correlation": -1, "gradient_drift": -1}
    rows = []
    for name, scores in sums.items():
        values = [spearman(sum(log_ranks(direction.get(s, 1) * c[s]) for s in scores), t.accuracy)
                  for t, c in zip(tables, columns)]
        rows.append([f"log-ranks of {name}", *values, min(values)])
    agreed = []
    voters = ["zen", "synflow", "grad_norm", "jacob_cov", "params", "naswot"]
    for table, c in zip(tables, columns):
        x = np.stack([log_ranks(c[s]) for s in voters], 1)
        x = (x - x.mean(0)) / x.std(0)
        first = np.linalg.eigh(x.T @ x)[1][:, -1]
        agreed.append(spearman(x @ first * np.sign(first.sum()), table.accuracy))
    rows.append(["agreement: first principal component of the log-ranks of " + ", ".join(voters), *agreed, min(agreed)])
    values = [spearman(log_ranks(c["capacity"]) + total(c) - c["capacity"], t.accuracy)
              for t, c in zip(tables, columns)]
    rows.append(["log-rank of capacity + signal_propagation", *values, min(values)])
    values = [spearman(total(c), t.accuracy) for t, c in zip(tables, columns)]
    rows.append(["**capacity + signal_propagation**", *values, min(values)])
    print_table(["combination", *[t.name for t in tables], "worst"], rows)


def neighbourhood(tables):
    print("## Each coefficient halved, doubled, left out\n")
    columns = [table.all_scores() for table in tables]
    usual = {"correlation": 1.5, "drift": 0.075, "similarity": 2.0, "enough": 0.125}
    rows = [["as it is", *[spearman(total(c), t.accuracy) for t, c in zip(tables, columns)]]]
    for name, value in usual.items():
        changes = {"halved": value / 2, "doubled": 2 * value, "left out": 1e9 if name == "enough" else 0}
        for text, changed in changes.items():
            rows.append([f"{name} {text}", *[spearman(total(c, **{name: changed}), t.accuracy)
                                             for t, c in zip(tables, columns)]])
    print_table(["", *[t.name for t in tables]], rows)


def exponents(tables):
    print("## Exponents of the capacity: weights^p x pixels^q\n")
    columns = [table.all_scores() for table in tables]
    grids = [table.capacities() for table in tables]
    powers, resolutions = (sorted({key[i] for key in grids[0]}) for i in (0, 1))
    for table, c, grid in zip(tables, columns, grids):
        print(f"{table.name}, capacity alone / with signal_propagation (logarithms scaled to p = 1/2)\n")
        rows = []
        for p in powers:
            rows.append([f"p = {p:g}"] + [
                f"{spearman(grid[p, q], table.accuracy):.3f} / "
                f"{spearman(total(c, capacity=grid[p, q] ** (0.5 / p)), table.accuracy):.3f}" for q in resolutions])
        print_table(["", *[f"q = {q:g}" for q in resolutions]], rows)


def chosen_elsewhere(tables):
    print("## Coefficients chosen on one table, judged on the others\n")
    columns = [table.all_scores() for table in tables]
    grid = list(itertools.product((0, 0.75, 1.5, 3), (0, 0.0375, 0.075, 0.15), (0, 1, 2, 4)))
    found = [[spearman(total(c, *point), t.accuracy) for t, c in zip(tables, columns)] for point in grid]
    rows = []
    for i, table in enumerate(tables):
        best = max(range(len(grid)), key=lambda k: found[k][i])
        rows.append([table.name, str(grid[best]), *found[best]])
    best = max(range(len(grid)), key=lambda k: min(found[k]))
    rows.append(["worst of all", str(grid[best]), *found[best]])
    print_table(["chosen on", "correlation, drift, similarity", *[t.name for t in tables]], rows)


def stability(tables):
    print("## Batch, resolution, repeats, seed: Spearman with accuracy / with the default settings\n")
    for table in tables:
        usual, rows = total(table.score(PARTS)), []
        for settings in ({}, {"seed": 2}, {"seed": 3}, {"batch": 4}, {"batch": 8}, {"batch": 32}, {"resolution": 16},
                         {"resolution": 32}, {"resolution": 48}, {"resolution": 96}, {"repeats": 2},
                         {"batch": 8, "seed": 2}, {"batch": 4, "seed": 2}):
            values = total(table.score(PARTS, **settings))
            text = ", ".join(f"{k} {v}" for k, v in settings.items()) or "default: batch 16, at most 64 pixels"
            rows.append([text, spearman(values, table.accuracy), spearman(values, usual)])
        print_table([table.name, "accuracy", "default"], rows)


def shortlist(tables, limit):
    print("## The ten best\n")
    rows = []
    for table in tables:
        within = np.full(len(table.rows), True)
        text = table.name
        if limit and limit[0] in table.rows[0]:
            within = np.array([float(row[limit[0]]) <= limit[1] for row in table.rows])
            text += f", {limit[0]} <= {limit[1]:g}"
        accuracy, columns = table.accuracy[within], table.all_scores()
        for name, values in {"rank score": total(columns), "params": columns["params"]}.items():
            top = accuracy[np.argsort(-values[within], kind="stable")[:10]]
            rows.append([text, name, spearman(values[within], accuracy), kendall(values[within], accuracy),
                         accuracy.max() - top.max(), accuracy.max() - top.mean()])
    print_table(["table", "score", "Spearman", "Kendall", "regret of the best of ten", "distance of their mean"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--limit", help="COLUMN<=VALUE for the table of the ten best")
    parser.add_argument("--stability-rows", type=int, default=400,
                        help="rows of each table for the dozen runs under other settings; 0 leaves them out")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tables = [Table(options, description) for description in options.tables]
    single_scores(tables)
    combinations(tables)
    neighbourhood(tables)
    chosen_elsewhere(tables)
    exponents(tables)
    column, _, value = (options.limit or "").partition("<=")
    shortlist(tables, (column, float(value)) if options.limit else None)
    if options.stability_rows:
        stability([Table(options, description, options.stability_rows) for description in options.tables])


main()
