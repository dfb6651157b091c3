"""Networks that export_scores wrote: their tensors, and an interpreter of network JSON in PyTorch."""

import json
import math
import sys

import numpy
import torch
import torch.nn.functional as F

WEIGHT, BIAS, SCALE, SHIFT = range(4)

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
    """Runs a network JSON; keeps the output of every operator, and its first input."""

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
        self.entering = {}
        by_name = {"input": x}
        for number, op in enumerate(self.operators, 1):
            inputs = [by_name[name] for name in op["inputs"]]
            self.entering[number] = inputs[0]
            y = self.apply(number, op, inputs)
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
