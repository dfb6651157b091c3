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


def trainable_model(exported):
    model = exported.model("kept")
    for weight in model.weights:
        weight.requires_grad_()
    return model


def loss(exported, model, inputs="input", labels="labels"):
    """The cross-entropy of a batch against its labels."""
    labels = exported.tensor(exported.description[labels]).round().long()
    return F.cross_entropy(model.run(exported.tensor(exported.description[inputs])), labels)


def layers(model):
    return [n for n, op in enumerate(model.operators, 1) if op["kind"] in ("convolution", "linear")]


def loss_gradients(exported):
    model = trainable_model(exported)
    gradients = torch.autograd.grad(loss(exported, model), model.weights)
    return {
        "grad_norm": sum(g.norm().item() for g in gradients),
        "snip": sum((w * g).abs().sum().item() for w, g in zip(model.weights, gradients)),
    }


def fisher(exported):
    model = trainable_model(exported)
    value = loss(exported, model)
    outputs = [model.values[number] for number in layers(model)]
    gradients = torch.autograd.grad(value, outputs)
    return sum(((a * g).sum((2, 3)) ** 2).mean(0).sum().item() / 2 for a, g in zip(outputs, gradients))


def grasp(exported):
    """By a second backward pass."""
    model = trainable_model(exported)
    gradients = torch.autograd.grad(loss(exported, model), model.weights, create_graph=True)
    along = sum((g.detach() * g).sum() for g in gradients)
    products = torch.autograd.grad(along, model.weights)
    return -sum((w * h).sum().item() for w, h in zip(model.weights, products))


def zico(exported):
    model = trainable_model(exported)
    batches = [("input", "labels"), ("second_input", "second_labels")]
    gradients = [torch.autograd.grad(loss(exported, model, *batch), model.weights) for batch in batches]
    score = 0
    for layer in zip(*gradients):
        both = torch.stack(layer).flatten(1)
        deviation = both.std(0, unbiased=False)
        varies = deviation > 0
        if varies.any():
            score += (both.abs().mean(0)[varies] / deviation[varies]).sum().log().item()
    return score


def ntk_condition(exported):
    model = trainable_model(exported)
    outputs = model.run(exported.tensor(exported.description["input"])[:16])
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(image.sum(), model.weights, retain_graph=True)])
        for image in outputs
    ]
    jacobian = torch.stack(rows)
    eigenvalues = torch.linalg.eigvalsh(jacobian @ jacobian.T)
    return (eigenvalues[-1] / eigenvalues[0]).item()


def fisher_spectrum(exported):
    model = trainable_model(exported)
    likelihoods = model.run(exported.tensor(exported.description["input"])).log_softmax(1)
    cumulative = likelihoods.detach().exp().cumsum(1)
    outputs = [model.values[number] for number in layers(model)]
    samples = []
    for uniforms in exported.tensor(exported.description["uniforms"]):
        drawn = (cumulative <= uniforms[:, None]).sum(1, keepdim=True).clamp(max=cumulative.shape[1] - 1)
        gradients = torch.autograd.grad(likelihoods.gather(1, drawn).sum(), outputs, retain_graph=True)
        shares = [share_of_gradient(model, n, g) for n, g in zip(layers(model), gradients)]
        samples.append(torch.stack(shares))
    samples = torch.cat(samples, 1)
    eigenvalues = torch.linalg.eigvalsh(samples @ samples.T).clamp(min=0)
    deciles = torch.quantile(eigenvalues, torch.arange(1, 10, dtype=eigenvalues.dtype) / 10)
    shares = deciles / deciles.sum()
    return -torch.special.xlogy(shares, shares).sum().item()


def share_of_gradient(model, number, gradient):
    """Each image's share in the gradient of the weight from channel 0 to 0, in the middle of the kernel."""
    op = model.operators[number - 1]
    x = model.padded(model.entering[number].detach(), op)
    pair = lambda value: value if isinstance(value, list) else [value, value]
    kernel, stride, dilation = (pair(op.get(key, 1)) for key in ("kernel", "stride", "dilation"))
    for side in (0, 1):
        first = kernel[side] // 2 * dilation[side]
        positions = first + stride[side] * torch.arange(gradient.shape[2 + side])
        x = x.index_select(2 + side, positions)
    return (x[:, 0] * gradient[:, 0]).sum((1, 2))


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
        "fisher": fisher(exported),
        "grasp": grasp(exported),
        "zico": zico(exported),
        "ntk_condition": ntk_condition(exported),
        "fisher_spectrum": fisher_spectrum(exported),
        "jacob_cov": jacob_cov(exported),
        "synflow": synflow(exported),
    }
