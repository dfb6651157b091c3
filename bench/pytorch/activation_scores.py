"""Scores read off the forward pass: activations, codes, differences of features."""

import math

import torch

GATES = ("sigmoid", "h_sigmoid")


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


def zen(exported):
    model = exported.model("plain")
    x = exported.tensor(exported.description["input"])
    model.run(x)
    features = model.values[model.features]
    growth = sum(
        0.5 * math.log(model.entering[number].var((0, 2, 3), unbiased=False).mean().item())
        for number, op in enumerate(model.operators, 1)
        if op["kind"] == "batch_norm"
    )
    model.run(x + 0.01 * exported.tensor(exported.description["perturbation"]))
    difference = (features - model.values[model.features]).flatten(1).norm(dim=1).mean()
    return difference.log().item() + growth


def activation_scores(exported):
    return {"naswot": naswot(exported), "zen": zen(exported)}
