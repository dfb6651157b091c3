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

def networks():
    """Small ones, because mutated weights are computed again and again."""
    for name, opset in {"mobilenet_v3_small": 13, "shufflenet_v2_x0_5": 11, "squeezenet1_1": 9, "mnasnet0_5": 17}.items():
        yield name, opset, getattr(torchvision.models, name)(weights=None, num_classes=4)
    block = torchvision.models.convnext.CNBlockConfig
    blocks = [block(8, 16, 1), block(16, 24, 1), block(24, None, 2)]
    for opset in 13, 17:
        yield f"convnext_{opset}", opset, torchvision.models.ConvNeXt(blocks, num_classes=4)
    heads = torchvision.models.segmentation.lraspp
    backbone = torchvision.models.mobilenet_v3_small(weights=None, dilated=True)
    yield "lraspp", 13, heads._lraspp_mobilenetv3(backbone, 3)


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
    for name, opset, network in networks():
        buffer = io.BytesIO()
        torch.onnx.export(network.eval(), torch.zeros(1, 3, 64, 64), buffer, opset_version=opset)
        model = without_weights(onnx.load_model_from_string(buffer.getvalue()))
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
