#!/usr/bin/python3
"""Kills searches at random moments, resumes them, and compares the end with an uninterrupted run: one that executes
networks and trains its shortlist, and one by parameters alone, which fills its journal as fast as a search can.

    tools/kill_test.py build/assay [--kills 200] [--seed 1] [--signal KILL] [--keep FOLDER]

After every kill a copy of the journal must open and hold all that had been committed (the program itself resumes
from what the kill left); a training must go on from its last checkpoint; at the end of every run standard output, the
journal's tables (but times) and the trained networks must be those of the uninterrupted run, byte for byte. The first
difference ends the test with exit code 1.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.02
KILLS_A_RUN = 3
ENOUGH_FOR_EVERY_PHASE = 100


START, SEARCH, TRAINING = range(3)
PHASES = ["start", "search", "training"]


class Failure(Exception):
    pass


def write_data(folder):
    """Two classes of 28x28 images, bright above or bright below, as IDX files."""
    folder.mkdir()
    for name, count in (("train", 400), ("t10k", 100)):
        images = bytearray(struct.pack(">4i", 0x803, count, 28, 28))
        labels = bytearray(struct.pack(">2i", 0x801, count))
        for i in range(count):
            above = i % 2 == 0
            for pixel in range(28 * 28):
                images.append((pixel * 31 + i * 17) % 64 + (150 if (pixel < 14 * 28) == above else 0))
            labels.append(above)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels)


TRAINED_SEARCH = ["--accelerator", "{root}/spaces/accelerators/edge_npu_16.toml", "--latency-ms", "0.06",
                  "--memory-kib", "64", "--evaluations", "640", "--batch", "4", "--shortlist", "3", "--train", "{data}",
                  "--epochs", "6", "--train-batch", "16", "--save-models", "models", "--cache", "scores.sqlite"]
GATES_ONLY_SEARCH = ["--scores", "params", "--evaluations", "50000", "--no-cache"]


def command(assay, options, data, resume):
    return [assay, "search", ROOT / "spaces/ibn_fashion.toml", *(text.format(root=ROOT, data=data) for text in options),
            "--quiet", "--format", "csv", "--run", "run.journal"] + (["--resume"] if resume else [])


def read_tables(journal):
    """Every row of every table, without what tells of times and machines."""
    tables = {}
    with contextlib.closing(sqlite3.connect(journal)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            if name == "sessions":
                continue
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{name}")')]
            kept = ", ".join(f'"{column}"' for column in columns if column != "seconds")
            rows = sorted(database.execute(f'SELECT {kept} FROM "{name}"'), key=repr)
            tables[name] = [row for row in rows if row[0] != "created_utc"]
    return tables


def checkpoint_step(path):
    """Steps done, from the checkpoint's bytes: header, then the training's identity, then the step."""
    content = path.read_bytes()
    (entries,) = struct.unpack_from("<Q", content, 28)
    at = 36
    for _ in range(2 * entries):
        (length,) = struct.unpack_from("<Q", content, at)
        at += 8 + length
    return struct.unpack_from("<q", content, at)[0]


class Standing:
    """How far a run in a folder has got: what must never shrink."""

    def __init__(self):
        self.evaluations = 0
        self.results = 0
        self.trained = set()
        self.steps = {}  # of each network's training

    @property
    def phase(self):
        return TRAINING if self.results else SEARCH if self.evaluations else START

    def update(self, folder, quiescent=False):
        """Looks again; Failure when something was lost. A journal may be locked while the program runs. A quiescent
        folder is a copy: looking repairs a journal, which is the program's part."""
        journal = folder / "run.journal"
        if not journal.exists():
            return
        try:
            uri = f"file:{journal}?mode={'rw' if quiescent else 'ro'}"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
                count = database.execute("SELECT count(*), coalesce(max(evaluation) + 1, 0) FROM evaluations").fetchone()
                results = database.execute("SELECT count(*) FROM results").fetchone()[0]
                trained = {row[0] for row in database.execute("SELECT evaluation FROM trainings")}
                if quiescent:
                    verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
                    if verdict != "ok":
                        raise Failure(f"the journal is damaged: {verdict}")
        except sqlite3.OperationalError:
            if quiescent:
                raise
            return
        if count[0] != count[1]:
            raise Failure(f"{count[0]} evaluations are numbered up to {count[1] - 1}")
        if count[0] < self.evaluations:
            raise Failure(f"the journal held {self.evaluations} evaluations, then {count[0]}")
        if not self.trained <= trained:
            raise Failure(f"the trainings {self.trained - trained} are gone")
        self.evaluations, self.results, self.trained = count[0], results, trained
        for path in folder.glob("run.journal.training/*.checkpoint"):
            with contextlib.suppress(FileNotFoundError):
                step = checkpoint_step(path)
                if step < self.steps.get(path.name, 0):
                    raise Failure(f"{path.name} was at step {self.steps[path.name]}, then at {step}")
                self.steps[path.name] = step


def seconds_since_written(folder):
    """How long ago the run last kept something: what a kill costs."""
    names = ["run.journal", "run.journal-wal"] + list(folder.glob("run.journal.training/*.checkpoint"))
    times = []
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            times.append((folder / name).stat().st_mtime)
    return time.time() - max(times) if times else 0


class Workload:
    """A search with what it is to end in."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.start_seconds = self.search_seconds = self.seconds = 0.0
        self.expected = None

    def phase(self, phase):
        return f"{PHASES[min(phase, TRAINING if '--train' in self.options else SEARCH)]} of {self.name}"

    def moments(self, rng, kills):
        """Half of them before there are results, as training may take most of the time."""
        return sorted(rng.uniform(0, self.search_seconds) if rng.random() < 0.5
                      else rng.uniform(self.search_seconds, self.seconds) for _ in range(kills))


class Test:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.assay = str(Path(options.assay).resolve())
        self.data = folder / "data"
        self.workloads = [Workload("trained", TRAINED_SEARCH), Workload("gates only", GATES_ONLY_SEARCH)]
        self.kills = {work.phase(phase): 0 for work in self.workloads for phase in (START, SEARCH, TRAINING)}
        self.longest = {phase: 0.0 for phase in self.kills if not phase.startswith("start")}
        self.resumes = self.runs = 0
        write_data(self.data)

    def start(self, work, folder, resume):
        with open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            return subprocess.Popen(command(self.assay, work.options, self.data, resume), cwd=folder, stdout=out,
                                    stderr=err)

    def measure(self, work):
        """The uninterrupted run: what is to be reached, and how long it takes."""
        folder = self.folder / f"uninterrupted {work.name}"
        folder.mkdir()
        standing = Standing()
        begun = time.monotonic()
        process = self.start(work, folder, False)
        while process.poll() is None:
            standing.update(folder)
            if standing.phase == START:
                work.start_seconds = time.monotonic() - begun
            if standing.phase != TRAINING:
                work.search_seconds = time.monotonic() - begun
            time.sleep(POLL_SECONDS)
        if process.returncode != 0:
            raise Failure("the uninterrupted run failed: " + (folder / "err").read_text())
        work.seconds = time.monotonic() - begun
        work.expected = self.ending(folder)
        print(f"an uninterrupted run, {work.name}, takes {work.seconds:.1f} s: {work.start_seconds:.1f} s before its first "
              f"evaluation, {work.search_seconds:.1f} s before its results", flush=True)

    def durations(self, work, kills):
        """How long the attempts at a run last. An attempt that resumes starts up again first, and may be killed in
        that too."""
        before = 0
        for moment in work.moments(self.random, kills):
            again = self.random.uniform(0, 2 * work.start_seconds) if before else 0
            yield again + moment - before
            before = moment
        while True:
            yield float("inf")

    def ending(self, folder):
        models = {path.name: path.read_bytes() for path in sorted(folder.glob("models/*.onnx"))}
        return (folder / "out").read_bytes(), read_tables(folder / "run.journal"), models

    def attempt(self, work, folder, standing, seconds):
        """Runs for so long, or to the end: True."""
        moment = time.monotonic() + seconds
        process = self.start(work, folder, (folder / "run.journal").exists())
        while process.poll() is None and time.monotonic() < moment:
            standing.update(folder)
            time.sleep(min(POLL_SECONDS, max(0, moment - time.monotonic())))
        process.send_signal(self.options.signal)
        code = process.wait()
        if code == 0:
            return True
        stopped = 128 + self.options.signal
        if code not in (-self.options.signal, stopped, 130):
            raise Failure(f"the program ended with {code}: " + (folder / "err").read_text())
        lost = seconds_since_written(folder)
        with tempfile.TemporaryDirectory(prefix="assay-kill-copy-") as copy:
            copy = Path(copy) / "run"
            shutil.copytree(folder, copy)
            standing.update(copy, quiescent=True)
            self.check_that_it_opens(copy)
        phase = work.phase(standing.phase)
        self.kills[phase] += 1
        if phase in self.longest:
            self.longest[phase] = max(self.longest[phase], lost)
        return False

    def check_that_it_opens(self, folder):
        journal = folder / "run.journal"
        if not journal.exists():
            return
        listing = subprocess.run([self.assay, "runs", journal, "--format", "json"], capture_output=True, text=True)
        if listing.returncode != 0:
            raise Failure("the journal of a killed run cannot be listed: " + listing.stderr)

    def run(self):
        while (left := self.options.kills - sum(self.kills.values())) > 0:
            work = self.workloads[self.runs % len(self.workloads)]
            folder = self.folder / f"run{self.runs}"
            folder.mkdir()
            standing = Standing()
            for seconds in self.durations(work, min(left, KILLS_A_RUN)):
                self.resumes += (folder / "run.journal").exists()
                if self.attempt(work, folder, standing, seconds):
                    break
            self.runs += 1
            self.compare(work, folder)
            shutil.rmtree(folder)
        spared = [phase for phase in self.longest if self.kills[phase] == 0]
        if spared and self.options.kills >= ENOUGH_FOR_EVERY_PHASE:
            raise Failure("no kill in the " + ", ".join(spared))

    def compare(self, work, folder):
        for what, found, expected in zip(("output", "tables", "models"), self.ending(folder), work.expected):
            if found == expected:
                continue
            if what != "output":
                what += " " + ", ".join(key for key in expected if found.get(key) != expected[key])
            raise Failure(f"the {what} of a resumed run, {work.name}, differ")
        for left in [".lock", ".new", ".training"]:
            if (folder / f"run.journal{left}").exists():
                raise Failure(f"run.journal{left} is left behind")

    def summary(self):
        print(f"{sum(self.kills.values())} kills: " + ", ".join(f"{n} in {phase}" for phase, n in self.kills.items() if n))
        print(f"{self.runs} runs, {self.resumes} resumes, every one ended as the uninterrupted run")
        print("longest time since something was kept: "
              + ", ".join(f"{seconds:.2f} s in {phase}" for phase, seconds in self.longest.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assay", help="the program")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--signal", type=lambda name: signal.Signals["SIG" + name], default=signal.SIGKILL,
                        help="KILL, or INT or TERM for clean ends")
    parser.add_argument("--keep", type=Path, help="a folder to work in, kept; else a temporary one")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="assay-kill-"))
    folder.mkdir(exist_ok=True)
    test = Test(options, folder)
    try:
        for work in test.workloads:
            test.measure(work)
        test.run()
    except Failure as failure:
        print(f"FAILED after {sum(test.kills.values())} kills, in {folder}: {failure}", file=sys.stderr)
        return 1
    test.summary()
    if not options.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
