"""How signals pass: gradients of images and blocks, features."""

import math

import torch


def off_diagonal(matrix):
    """Entries of pairs of different images; what does not vary is like every other."""
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)].nan_to_num(1)


def signal_scores(exported):
    model = exported.model("kept")
    x = exported.tensor(exported.description["input"]).requires_grad_()
    output = model.run(x)
    total = 1.25 * output[0::2].sum() + 0.75 * output[1::2].sum()
    blocks = [model.values[block] for block in model.blocks]
    to_input, *to_blocks = torch.autograd.grad(total, [x, *blocks], allow_unused=True)

    correlations = off_diagonal(torch.corrcoef(to_input.flatten(1)))
    correlation = (correlations**2).mean().sqrt().item()
    strengths = [(h.norm() * g.norm()).item() for h, g in zip(blocks, to_blocks)]
    drift = sum(abs(math.log(a / b)) for a, b in zip(strengths, strengths[1:]))
    similarity = off_diagonal(torch.corrcoef(model.values[model.features].detach().flatten(1))).mean().item()
    return {
        "gradient_correlation": correlation,
        "gradient_drift": drift,
        "feature_similarity": similarity,
        "signal_propagation": -1.5 * math.log(1 + 10 * correlation) - 0.075 * drift + 2 * min(similarity, 1 / 8),
    }
