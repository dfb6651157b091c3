"""Scores read off gradients of weights or inputs."""

import math

import torch
import torch.nn.functional as F


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


def gradient_scores(exported):
    return {
        **loss_gradients(exported),
        "jacob_cov": jacob_cov(exported),
        "synflow": synflow(exported),
    }
