"""Scores read off the network JSON alone: nothing is executed but to see the shapes."""

import functools
import math

WEIGHTED = ("convolution", "linear")
MERGES = ("add", "concat")


class Graph:
    """Operators by number, 0 the input; of a product only the feature map counts as an input, not the gate."""

    def __init__(self, exported):
        model = exported.model("kept")
        model.run(exported.tensor(exported.description["input"])[:2])
        number = {"input": 0, **{op["name"]: n for n, op in enumerate(model.operators, 1)}}
        self.shapes = [tuple(value.shape[1:]) + (1,) * (4 - value.dim()) for value in model.values]
        self.operators = [None, *model.operators]
        self.inputs = [[]] + [[number[name] for name in op["inputs"]] for op in model.operators]
        for n, op in enumerate(model.operators, 1):
            if op["kind"] == "multiply":
                self.inputs[n] = [max(self.inputs[n], key=lambda i: (self.elements(i), not self.bounded(i)))]
        self.blocks, self.features, self.output = model.blocks, model.features, number[model.output]

    def elements(self, n):
        return math.prod(self.shapes[n])

    def bounded(self, n):
        op = self.operators[n]
        return op is not None and op.get("function") in ("sigmoid", "h_sigmoid", "tanh")

    def kind(self, n):
        return self.operators[n]["kind"] if n else "input"

    def resolution(self, n):
        return self.shapes[n][1:]

    def behind(self, n):
        """All operators that n depends on, itself included."""
        seen, open_ = set(), [n]
        while open_:
            n = open_.pop()
            if n not in seen:
                seen.add(n)
                open_ += self.inputs[n]
        return seen

    def longest(self, n, within=None):
        """Weighted operators on the longest path to n that does not leave the resolution `within`."""

        @functools.cache
        def longest(n):
            if within is not None and self.resolution(n) != within:
                return 0
            return max(map(longest, self.inputs[n]), default=0) + (self.kind(n) in WEIGHTED)

        return longest(n)

    def stages(self):
        """N, d and S of every resolution on the way to the features that the classifier sees."""
        members = self.behind(self.features)
        for resolution in {self.resolution(n) for n in members}:
            stage = [n for n in members if self.resolution(n) == resolution]
            level = {n: self.longest(n, resolution) for n in stage}
            channels = sum(self.shapes[n][0] for n in stage if self.kind(n) in WEIGHTED)
            skipping = 0
            for n in stage:
                if self.kind(n) in MERGES:
                    deepest = max(level[i] for i in self.inputs[n])
                    skipping += sum(self.shapes[i][0] for i in self.inputs[n] if level[i] < deepest)
            yield channels, max(level.values()), skipping

    def log_variance(self, n):
        @functools.cache
        def variance(n):
            op, inputs = self.operators[n], self.inputs[n]
            if n == 0:
                return 0.0
            if op["kind"] == "convolution":
                fan_in = self.shapes[inputs[0]][0] // op.get("groups", 1) * math.prod(op["kernel"])
                return variance(inputs[0]) + math.log(fan_in)
            if op["kind"] == "linear":
                return variance(inputs[0]) + math.log(self.elements(inputs[0]))
            if op["kind"] in MERGES:
                shares = [1 if op["kind"] == "add" else self.shapes[i][0] / self.shapes[n][0] for i in inputs]
                largest = max(map(variance, inputs))
                return largest + math.log(
                    sum(share * math.exp(variance(i) - largest) for share, i in zip(shares, inputs))
                )
            return variance(inputs[0])

        return variance(n)


def entropy(graph):
    last = {}
    for n in sorted(graph.behind(graph.features) & {*graph.blocks, graph.features}):
        last[graph.resolution(n)] = n
    total = 0
    for n in last.values():
        weight = 8 if n == graph.features else 1
        total += weight * math.log(graph.elements(n)) * graph.log_variance(n)
    return total


def capacity(graph):
    """From weights and multiply-accumulates, counted one by one; of one image, biases left out."""
    total = 0
    for n, op in enumerate(graph.operators):
        if graph.kind(n) == "convolution":
            weights = graph.shapes[n][0] * graph.shapes[graph.inputs[n][0]][0] // op.get("groups", 1)
            weights *= math.prod(op["kernel"])
        elif graph.kind(n) == "linear":
            weights = graph.shapes[n][0] * graph.elements(graph.inputs[n][0])
        else:
            continue
        macs = weights * math.prod(graph.resolution(n))
        total += (weights * macs) ** 0.25
    return math.log(max(total, 1))


def structure_scores(exported):
    graph = Graph(exported)
    return {
        "capacity": capacity(graph),
        "entropy": entropy(graph),
        "nn_mass": sum(2 * s / (d + 1) for _, d, s in graph.stages()),
        "nn_degree": sum(n / d + s / n for n, d, s in graph.stages() if d),
        "depth": graph.longest(graph.output),
        "blocks": len(graph.blocks),
    }
