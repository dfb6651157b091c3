#!/usr/bin/python3
"""Seeds for tools/fuzz.sh: small models of libonnx-testdata, and torchvision networks whose weights are computed by
ConstantOfShape instead of stored, so that a mutation hits the graph.

    tools/fuzz_corpus.py FOLDER
"""

import io
import shutil
import sys
import warnings
from pathlib import Path

import onnx
import torch
import torchvision
from onnx import helper

NETWORKS = {"mobilenet_v3_small": 13, "shufflenet_v2_x0_5": 11, "squeezenet1_1": 9, "convnext_tiny": 13, "resnet18": 9,
            "googlenet": 13, "efficientnet_b0": 13, "mnasnet0_5": 17}


def without_weights(model):
    graph = model.graph
    kept, made = [], []
    for tensor in graph.initializer:
        if len(tensor.raw_data) <= 64 or tensor.data_type != onnx.TensorProto.FLOAT:
            kept.append(tensor)
            continue
        dims = tensor.name + ".dims"
        kept.append(helper.make_tensor(dims, onnx.TensorProto.INT64, [len(tensor.dims)], tensor.dims))
        made.append(helper.make_node("ConstantOfShape", [dims], [tensor.name]))
    nodes = made + list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return model


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    for path in Path("/usr/share/libonnx-testdata/data").glob("*/*/model.onnx"):
        if path.stat().st_size < 16384:
            shutil.copy(path, folder / f"{path.parent.name}.onnx")
    for name, opset in NETWORKS.items():
        options = {"init_weights": False} if name == "googlenet" else {}
        network = getattr(torchvision.models, name)(weights=None, num_classes=4, **options).eval()
        buffer = io.BytesIO()
        torch.onnx.export(network, torch.zeros(1, 3, 64, 64), buffer, opset_version=opset)
        model = without_weights(onnx.load_model_from_string(buffer.getvalue()))
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
