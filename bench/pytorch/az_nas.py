"""The three scores of AZ-NAS (Lee and Ham, CVPR 2024), in one piece: they are also what is timed."""

import math
import statistics

import torch
import torch.nn.functional as F


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
