"""Scores read off the forward pass: activations, codes, differences of features."""

import math

import torch

def patterns(model):
    """Images x units of all activations: whether the unit is active, that is, what enters it is positive."""
    active = []
    for number, op in enumerate(model.operators, 1):
        if op["kind"] == "activation":
            active.append((model.entering[number] > 0).flatten(1))
    return torch.cat(active, 1)


def naswot(exported):
    model = exported.model("kept")
    model.run(exported.tensor(exported.description["input"]))
    active = patterns(model).double()
    kernel = active @ active.T + (1 - active) @ (1 - active).T
    sign, value = torch.linalg.slogdet(kernel)
    return value.item()


def swap(exported):
    """Number of distinct columns of the patterns."""
    model = exported.model("kept")
    model.run(exported.tensor(exported.description["swap_input"]))
    active = patterns(model).long()
    keys = (active << torch.arange(len(active))[:, None]).sum(0)
    return len(torch.unique(keys))


def linear_regions(exported):
    """Units that switch between neighbours on the circle that two tiny images span."""
    a, b = exported.tensor(exported.description["circle_input"])
    count = exported.description["circle_images"]
    angles = torch.arange(count, dtype=exported.dtype)[:, None, None, None] * 2 * math.pi / count
    model = exported.model("kept")
    model.run(a * angles.cos() + b * angles.sin())
    active = patterns(model)
    return max(1, (active != active.roll(-1, 0)).sum().item())


def participation_ratio(exported):
    """From the eigenvalues; assay reads the same off the matrix."""
    model = exported.model("kept")
    model.run(exported.tensor(exported.description["input"]))
    total = 0
    for block in model.blocks:
        rows = model.values[block].permute(0, 2, 3, 1).flatten(0, 2)
        eigenvalues = torch.linalg.eigvalsh(torch.cov(rows.T, correction=0).reshape(rows.shape[1], -1))
        total += (eigenvalues.sum() ** 2 / (eigenvalues**2).sum()).item()
    return total


def meco(exported):
    model = exported.model("kept")
    model.run(exported.tensor(exported.description["input"]))
    total = 0
    for number, op in enumerate(model.operators, 1):
        if op["kind"] == "convolution":
            channels = model.values[number][0].flatten(1)
            if channels.shape[1] == 1:
                continue  # nothing varies: no correlation
            count = min(8, len(channels))
            sample = channels[[k * len(channels) // count for k in range(count)]]
            correlation = torch.corrcoef(sample).reshape(count, count).nan_to_num(0)
            least = torch.linalg.eigvalsh(correlation)[0].item()
            total += max(least, 0) * len(channels) / count
    return total


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
    return {
        "naswot": naswot(exported),
        "swap": swap(exported),
        "linear_regions": linear_regions(exported),
        "participation_ratio": participation_ratio(exported),
        "meco": meco(exported),
        "zen": zen(exported),
    }
