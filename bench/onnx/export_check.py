#!/usr/bin/python3
"""Do exported models compute what assay computes? Ask onnx.checker and onnxruntime.

    bench/onnx/export_check.py [--assay build/release/assay] [--candidates 3] [--folder DIR]

Exports random candidates of every space (random weights), lets onnx.checker judge them, runs them in onnxruntime
(npm's onnxruntime-node, installed into --folder) and with `assay run`, and prints the largest difference relative to
how far the outputs of two images are apart: what comes from biases alone would agree anyway. Needs python3-onnx, python3-numpy, node and npm. Ends with 1 when a model fails.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy
import onnx

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Rounding of a few hundred operators in float32.
TOLERANCE = 1e-4


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def install(folder):
    for name in ("package.json", "onnxruntime.js"):
        shutil.copy(HERE / name, folder / name)
    # The package's script would fetch GPU libraries from elsewhere; the CPU's are in the package.
    run("npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)


def export(assay, space, seed, folder):
    model = folder / f"{space.stem}-{seed}.onnx"
    opset = 14 + seed % 4
    # PyTorch's default lets signals fade in deep networks; with this one every operator leaves its mark.
    initialisation = "kaiming_normal_fan_in"
    run(assay, "export", space, "--sample", 1, "--seed", seed, "--opset", opset, "--initialisation", initialisation,
        "--out", model)
    return model


def judge(assay, model, folder):
    """The largest relative difference, and the number of nodes."""
    proto = onnx.load(model)
    onnx.checker.check_model(proto, full_check=True)
    shape = [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:]]
    images = numpy.random.default_rng(1).standard_normal([2, *shape], dtype=numpy.float32)
    stem = folder / model.stem
    numpy.save(f"{stem}.npy", images)
    images.tofile(f"{stem}.input.f32")
    pathlib.Path(f"{stem}.shape").write_text(" ".join(map(str, shape)))
    run("node", "onnxruntime.js", folder, model, cwd=folder)
    expected = numpy.fromfile(f"{stem}.output.f32", dtype=numpy.float32)
    run(assay, "run", model, "--input", f"{stem}.npy", "--out", f"{stem}.out.npy")
    found = numpy.load(f"{stem}.out.npy").ravel()
    if found.shape != expected.shape:
        raise ValueError(f"{found.size} values instead of {expected.size}")
    first, second = expected.reshape(2, -1)
    apart = numpy.abs(first - second).max()
    return float(numpy.abs(found - expected).max() / apart), len(proto.graph.node)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--assay", default=ROOT / "build/release/assay", type=pathlib.Path)
    arguments.add_argument("--candidates", default=3, type=int, help="of each space")
    arguments.add_argument("--folder", default=ROOT / "build/onnx", type=pathlib.Path)
    given = arguments.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    install(folder)

    failed = 0
    print(f"{'model':<24} {'nodes':>6}  {'relative difference':>20}")
    for space in sorted((ROOT / "spaces").glob("*.toml")):
        for seed in range(1, given.candidates + 1):
            model = export(given.assay.resolve(), space, seed, folder)
            difference, nodes = judge(given.assay.resolve(), model, folder)
            good = difference <= TOLERANCE
            failed += not good
            print(f"{model.name:<24} {nodes:>6}  {difference:>20.1e}{'' if good else '  TOO LARGE'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
