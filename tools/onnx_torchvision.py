#!/usr/bin/python3
"""Shows that assay computes what PyTorch computes: exports torchvision's networks to ONNX, runs each in PyTorch and
with `assay run` on the same images, and compares.

Weights are random, batch norms have the statistics of random images, so that every tensor matters. A network passes when
max |difference| <= 1e-4 max |PyTorch's output| for every output. Some deep networks with random weights amplify rounding
so much that PyTorch itself is not that near to its result in float64: they pass when assay is as near as PyTorch.

    tools/onnx_torchvision.py --assay build/assay                    # one network of every family
    tools/onnx_torchvision.py --assay build/assay --all              # every network that torchvision has
    tools/onnx_torchvision.py --assay build/assay --only convnext_tiny --opsets 9 13 17
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torchvision

TOLERANCE = 1e-4

FAMILIES = [
    "alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "squeezenet1_0",
    "squeezenet1_1", "densenet121", "inception_v3", "googlenet", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "mnasnet1_0", "efficientnet_b0",
    "efficientnet_v2_s", "regnet_x_400mf", "regnet_y_400mf", "convnext_tiny",
    "segmentation.fcn_resnet50", "segmentation.deeplabv3_mobilenet_v3_large", "segmentation.deeplabv3_resnet50",
    "segmentation.lraspp_mobilenet_v3_large",
]
# Attention has no counterpart in assay's networks.
WITHOUT_COUNTERPART = ("vit_", "swin_", "maxvit_")
# Kinds of nodes differ between opsets: normalisations, resizes, clips, squeezes with axes as inputs.
OPSETS = {"mobilenet_v2": [9, 13], "mobilenet_v3_small": [9, 13, 14, 17], "efficientnet_b0": [9, 13],
          "convnext_tiny": [9, 13, 17], "shufflenet_v2_x0_5": [9, 11, 17], "resnet18": [7, 8, 9, 13, 17],
          "googlenet": [9, 13], "densenet121": [9, 17], "squeezenet1_0": [9, 13],
          "segmentation.lraspp_mobilenet_v3_large": [11, 13, 17],
          "segmentation.deeplabv3_mobilenet_v3_large": [11, 13, 17]}


def model_names():
    classification = torchvision.models.list_models(module=torchvision.models)
    segmentation = torchvision.models.list_models(module=torchvision.models.segmentation)
    names = [n for n in classification if not n.startswith(WITHOUT_COUNTERPART)]
    return names + ["segmentation." + n for n in segmentation]


def make(name, images):
    options = {"weights": None}
    if name.startswith("segmentation."):
        options["weights_backbone"] = None
        model = getattr(torchvision.models.segmentation, name.split(".")[1])(**options)
    else:
        if name in ("googlenet", "inception_v3"):
            options |= {"init_weights": False, "transform_input": True}
        model = getattr(torchvision.models, name)(**options)
    for module in model.modules():
        if type(module).__name__ == "CNBlock":
            torch.nn.init.uniform_(module.layer_scale, 0.1, 1)
    # Statistics near those of some images: the signal neither fades nor grows on its way through the network.
    hooks = [m.register_forward_pre_hook(calibrate) for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        model.eval()(images)
    for hook in hooks:
        hook.remove()
    return model


def calibrate(norm, inputs):
    deviation, mean = torch.std_mean(inputs[0], (0, 2, 3))
    norm.running_mean.copy_(mean + 0.1 * deviation * torch.randn_like(mean))
    norm.running_var.copy_(deviation**2 * (torch.rand_like(mean) + 0.5))
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias, 0, 0.1)


def hash_of(name):
    return sum((i + 1) * ord(c) for i, c in enumerate(name))


class Tensors(torch.nn.Module):
    """Segmentation models give a dictionary, which ONNX has not."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        out = self.model(x)
        return tuple(out.values()) if isinstance(out, dict) else out


def compare(name, opset, arguments, folder):
    torch.manual_seed(hash_of(name))
    size = (161, 225) if name.startswith("segmentation.") else (299, 299) if name == "inception_v3" else (224, 224)
    images = torch.randn(2, 3, *size)
    model = Tensors(make(name, images)).eval()
    with torch.no_grad():
        expected = model(images)
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    outputs = [f"output{i}" for i in range(len(expected))]
    path = folder / f"{name}.onnx"
    axes = {n: {0: "batch"} for n in ["input", *outputs]}
    try:
        # Dynamic batches for every other one, so that both kinds of graphs are read.
        torch.onnx.export(model, images[:1], str(path), opset_version=opset, input_names=["input"],
                          output_names=outputs, dynamic_axes=axes if opset % 2 else None)
    except Exception as error:  # whatever the exporter does not know
        return "not exported", str(error).split("\n")[0][:100]
    np.save(folder / "x.npy", images.numpy())
    start = time.time()
    done = subprocess.run([arguments.assay, "run", str(path), "--input", str(folder / "x.npy"), "--out",
                           str(folder / "y.npy"), "--quiet"], capture_output=True, text=True)
    seconds = time.time() - start
    if done.returncode != 0:
        return "FAILED", done.stderr.strip()
    worst = own = 0.0
    exact = None
    for i, tensor in enumerate(expected):
        file = folder / ("y.npy" if len(expected) == 1 else f"y.{outputs[i]}.npy")
        got, reference = np.load(file), tensor.numpy()
        if got.shape != reference.shape:
            return "FAILED", f"shape {got.shape} instead of {reference.shape}"
        spread = np.abs(reference[0] - reference[1]).max() / np.abs(reference).max()
        if not spread > 1e-3:
            return "FAILED", f"the output hardly depends on the image ({spread:.1e})"
        error = relative_error(got, reference)
        if not error <= TOLERANCE:
            exact = exact or in_doubles(model, images)
            own = max(own, relative_error(reference, exact[i]))
            error = relative_error(got, exact[i])
        worst = max(worst, error)
    if own:
        passed = own > TOLERANCE / 2 and worst <= 2 * own
        return ("passed" if passed else "FAILED"), f"relative error {worst:.1e}, PyTorch's own {own:.1e} (to float64)"
    return ("passed" if worst <= TOLERANCE else "FAILED"), f"relative error {worst:.1e}, {seconds:.1f} s"


def relative_error(got, reference):
    return float(np.abs(got - reference).max() / np.abs(reference).max())


def in_doubles(model, images):
    with torch.no_grad():
        exact = model.double()(images.double())
    return [t.numpy() for t in ([exact] if isinstance(exact, torch.Tensor) else exact)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--assay", default="build/release/assay", help="the program")
    parser.add_argument("--all", action="store_true", help="every network, not one of each family")
    parser.add_argument("--only", nargs="+", help="names of networks")
    parser.add_argument("--opsets", nargs="+", type=int, help="instead of a choice for each network")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    counts = {}
    for name in arguments.only or (model_names() if arguments.all else FAMILIES):
        for opset in arguments.opsets or ([13] if arguments.all else OPSETS.get(name, [13])):
            with tempfile.TemporaryDirectory() as folder:
                result, text = compare(name, opset, arguments, Path(folder))
            counts[result] = counts.get(result, 0) + 1
            print(f"{name:46} opset {opset:2}  {result:12}  {text}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    return 1 if "FAILED" in counts else 0


if __name__ == "__main__":
    sys.exit(main())
