#!/usr/bin/python3
"""Scores of exported networks, computed independently with PyTorch, beside those that assay gave them.

    export_scores spaces/nasbench201.toml 20 16 1 /tmp/networks
    bench/pytorch/scores.py /tmp/networks [--time]

Values are computed in double precision from the exported weights, inputs, labels and signs; every formula
stands here a second time, after its paper. Gradients of deep networks of ReLUs are ill-conditioned: a weight
that moves by one rounding of a float can switch units and move the score by 1e-3. So every score is computed
again with weights and inputs moved by such roundings, and a difference counts only where it exceeds both 1e-3
and what that does.

With --time, the three scores of AZ-NAS run in single precision instead, and their processor time is compared
with assay's on the same network and batch (both on one thread).
"""

import argparse
import json
import math
import pathlib
import statistics
import sys
import time

import numpy
import torch
import torch.nn.functional as F

WEIGHT, BIAS, SCALE, SHIFT = range(4)
TOLERANCE = 1e-3
ROUNDINGS = 4

ACTIVATIONS = {
    "relu": lambda x, _: F.relu(x),
    "relu6": lambda x, _: F.relu6(x),
    "leaky_relu": F.leaky_relu,
    "h_swish": lambda x, _: F.hardswish(x),
    "h_sigmoid": lambda x, _: F.hardsigmoid(x),
    "silu": lambda x, _: F.silu(x),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: torch.tanh(x),
    "gelu": lambda x, _: F.gelu(x),
}
GATES = ("sigmoid", "h_sigmoid")


class Exported:
    """The tensors and descriptions of one exported network."""

    def __init__(self, path, dtype, rounding=None):
        self.description = json.loads(path.read_text())
        self.data = numpy.fromfile(path.with_suffix(".bin"), dtype=numpy.float32)
        self.dtype = dtype
        if rounding is not None:
            steps = rounding.choice(numpy.float32([-1, 0, 1]), len(self.data))
            self.data *= 1 + steps * numpy.float32(2**-23)

    def tensor(self, place):
        count = math.prod(place["dims"])
        values = self.data[place["offset"] : place["offset"] + count]
        return torch.from_numpy(values.copy()).to(self.dtype).reshape(place["dims"])

    def model(self, name):
        return Model(self.description[name], self)


class Model:
    """Runs a network JSON; keeps the output of every operator."""

    def __init__(self, description, exported):
        network = description["network"]
        self.operators = network["operators"]
        self.blocks = description["blocks"]
        self.features = description["features"]
        self.shape = network["input"]
        self.parameters = {(p["op"], p["role"]): exported.tensor(p) for p in description["parameters"]}
        self.weights = [v for (_, role), v in self.parameters.items() if role == WEIGHT]
        self.output = network["output"]

    def run(self, x):
        self.values = [x]
        by_name = {"input": x}
        for number, op in enumerate(self.operators, 1):
            y = self.apply(number, op, [by_name[name] for name in op["inputs"]])
            self.values.append(y)
            by_name[op["name"]] = y
        return by_name[self.output].flatten(1)

    def apply(self, number, op, inputs):
        x, kind = inputs[0], op["kind"]
        parameter = lambda role: self.parameters.get((number, role))
        if kind == "convolution":
            return F.conv2d(self.padded(x, op), parameter(WEIGHT), parameter(BIAS), op.get("stride", 1), 0,
                            op.get("dilation", 1), op.get("groups", 1))
        if kind == "linear":
            return F.linear(x.flatten(1), parameter(WEIGHT), parameter(BIAS))[:, :, None, None]
        if kind == "batch_norm":
            self.entering = getattr(self, "entering", {})
            self.entering[number] = x
            return F.batch_norm(x, None, None, parameter(SCALE), parameter(SHIFT), True, 0.0,
                                float(op.get("epsilon", 1e-5)))
        if kind == "activation":
            return ACTIVATIONS[op["function"]](x, float(op.get("slope", 0)))
        if kind == "max_pool":
            return F.max_pool2d(self.padded(x, op, -math.inf), op["kernel"], op.get("stride", 1))
        if kind == "average_pool":
            top, left, bottom, right = op.get("padding", [0, 0, 0, 0])
            sums = F.avg_pool2d(self.padded(x, op), op["kernel"], op.get("stride", 1), divisor_override=1)
            if op.get("count_include_pad", False):
                return sums / math.prod(op["kernel"])
            counted = F.pad(torch.ones_like(x[:1, :1]), (left, right, top, bottom))
            return sums / F.avg_pool2d(counted, op["kernel"], op.get("stride", 1), divisor_override=1)
        if kind == "global_average_pool":
            return x.mean((2, 3), keepdim=True)
        if kind == "global_max_pool":
            return x.amax((2, 3), keepdim=True)
        if kind == "add":
            return sum(inputs[1:], x)
        if kind == "multiply":
            return x * inputs[1]
        if kind == "concat":
            return torch.cat(inputs, 1)
        if kind == "slice":
            begin = op.get("begin", 0)
            return x[:, begin : begin + op["channels"]]
        if kind == "flatten":
            return x.flatten(1)[:, :, None, None]
        sys.exit(f"The operator {kind} is not known here.")

    @staticmethod
    def padded(x, op, value=0.0):
        top, left, bottom, right = op.get("padding", [0, 0, 0, 0])
        return F.pad(x, (left, right, top, bottom), value=value)


def entropy_of_features(features):
    rows = features.detach().permute(0, 2, 3, 1).flatten(0, 2)
    eigenvalues = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0).reshape(rows.shape[1], -1))
    shares = eigenvalues.clamp(min=0) / eigenvalues.clamp(min=0).sum()
    return -torch.special.xlogy(shares, shares).sum().item()


def fold(x, height, width):
    """Space to depth onto a coarser grid, zeros over the edge; rows are positions."""
    step_y, step_x = -(-x.shape[2] // height), -(-x.shape[3] // width)
    x = F.pad(x, (0, width * step_x - x.shape[3], 0, height * step_y - x.shape[2]))
    cells = x.unfold(2, step_y, step_y).unfold(3, step_x, step_x)
    return cells.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)


def az_nas(exported):
    """expressivity, progressivity, trainability."""
    model = exported.model("kept")
    signs = [exported.tensor(place) for place in exported.description["signs"]]
    x = exported.tensor(exported.description["input"]).requires_grad_()

    def measure():
        model.run(x)
        maps = [model.values[block] for block in model.blocks]
        entropies = [entropy_of_features(features) for features in maps]
        steps = [b - a for a, b in zip(entropies, entropies[1:])]
        trainabilities = []
        for i in reversed(range(1, len(maps))):
            (arrived,) = torch.autograd.grad(maps[i], maps[i - 1], signs[i], retain_graph=True)
            height = min(arrived.shape[2], signs[i].shape[2])
            width = min(arrived.shape[3], signs[i].shape[3])
            g_in, g_out = fold(arrived, height, width), fold(signs[i], height, width)
            norm = torch.linalg.matrix_norm(g_in.T @ g_out / len(g_in), 2).item()
            trainabilities.append(2 - norm - 1 / norm)
        return {
            "expressivity": sum(entropies),
            "progressivity": min(steps, default=math.nan),
            "trainability": statistics.fmean(trainabilities) if trainabilities else math.nan,
        }

    return measure


def naswot(exported):
    model = exported.model("kept")
    model.run(exported.tensor(exported.description["input"]))
    kernel = 0
    for number, op in enumerate(model.operators, 1):
        if op["kind"] == "activation" and op["function"] not in GATES:
            active = (model.values[number].flatten(1) > 0).double()
            kernel = kernel + active @ active.T + (1 - active) @ (1 - active).T
    sign, value = torch.linalg.slogdet(kernel)
    return value.item()


def jacob_cov(exported):
    x = exported.tensor(exported.description["input"]).requires_grad_()
    exported.model("kept").run(x).sum().backward()
    correlation = torch.corrcoef(x.grad.flatten(1))
    v = torch.linalg.eigvalsh(correlation).clamp(min=0) + 1e-5
    return -(v.log() + 1 / v).sum().item()


def loss_gradients(exported):
    model = exported.model("kept")
    for weight in model.weights:
        weight.requires_grad_()
    labels = exported.tensor(exported.description["labels"]).round().long()
    F.cross_entropy(model.run(exported.tensor(exported.description["input"])), labels).backward()
    return {
        "grad_norm": sum(w.grad.norm().item() for w in model.weights),
        "snip": sum((w * w.grad).abs().sum().item() for w in model.weights),
    }


def synflow(exported):
    model = exported.model("linear")
    for key in model.parameters:
        model.parameters[key] = model.parameters[key].abs().requires_grad_()
    shape = model.shape
    ones = torch.ones(1, shape["channels"], shape["height"], shape["width"], dtype=exported.dtype)
    model.run(ones).sum().backward()
    return math.log(sum((w * w.grad).abs().sum().item() for w in model.parameters.values()))


def zen(exported):
    model = exported.model("plain")
    x = exported.tensor(exported.description["input"])
    model.run(x)
    features = model.values[model.features]
    growth = sum(
        0.5 * math.log(entering.var((0, 2, 3), unbiased=False).mean().item())
        for entering in model.entering.values()
    )
    model.run(x + 0.01 * exported.tensor(exported.description["perturbation"]))
    difference = (features - model.values[model.features]).flatten(1).norm(dim=1).mean()
    return difference.log().item() + growth


def all_scores(exported):
    return {
        **az_nas(exported)(),
        **loss_gradients(exported),
        "naswot": naswot(exported),
        "jacob_cov": jacob_cov(exported),
        "synflow": synflow(exported),
        "zen": zen(exported),
    }


def seconds(action):
    action()
    start = time.process_time()
    action()
    return time.process_time() - start


def compare_values(paths):
    """Prints the largest difference of every score; true when all agree."""
    worst = {}
    roundings = numpy.random.default_rng(1)
    for path in paths:
        exported = Exported(path, torch.float64)
        moved = [all_scores(Exported(path, torch.float64, roundings)) for _ in range(ROUNDINGS)]
        for name, value in all_scores(exported).items():
            relative = lambda other: abs(other - value) / max(abs(value), 1e-3)
            error = relative(exported.description["scores"][name])
            rounding = max(relative(each[name]) for each in moved)
            worst.setdefault(name, []).append((error / max(TOLERANCE, rounding), error, rounding))
    print(f"{len(paths)} networks; largest relative difference, and what roundings do to that network:")
    for name, errors in worst.items():
        excess, error, rounding = max(errors)
        print(f"  {name:<14} {error:.1e}  {rounding:.1e}  {'ok' if excess <= 1 else 'DIFFERENT'}")
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
    parser.add_argument("--time", action="store_true", help="compare times instead of values")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    paths = []
    for path in sorted(arguments.folder.glob("*.json"), key=lambda path: int(path.stem)):
        status = json.loads(path.read_text())["status"]
        if status == "ok":
            paths.append(path)
        else:
            print(f"{path.stem}: left out, {status}")
    if not paths:
        sys.exit(f"{arguments.folder} holds no exported network that has all scores.")
    if arguments.time:
        compare_times(paths)
    elif not compare_values(paths):
        sys.exit(1)


main()
