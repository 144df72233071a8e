"""The learned quality of a face: qualityface's MobileNetV2, from its PyTorch checkpoint, without PyTorch."""

import pickle
from collections import OrderedDict
from io import BytesIO

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The stages of MobileNetV2: expansion, channels, blocks, stride of the first block.
# Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
# What PyTorch's BatchNorm2d adds to the variance.
EPSILON = 1e-5
# The checkpoint holds the backbone's features twice, under this name and another, and ImageNet's classifier, which
# the net does not run.
BACKBONE, SCORE = "module.backbone.backbone.features", "module.classify"


class Checkpoint(pickle.Unpickler):
    """Reads PyTorch's old checkpoint format; runs nothing that the file asks for but the classes named here."""

    def find_class(self, module: str, name: str):
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, _, *rest: (storage, offset, shape),
        }
        return known[module, name]

    def persistent_load(self, name: tuple):
        _, kind, key, _, length, _ = name
        return kind, key, length


def weights(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by their names."""
    file = BytesIO(data)
    # A magic number, the version of the format, the sizes of types.
    for _ in range(3):
        pickle.load(file)
    tensors = Checkpoint(file).load()
    kinds = {storage[1]: storage for storage, _, _ in tensors.values()}
    storages = {}
    for key in pickle.load(file):
        kind, _, length = kinds[key]
        assert int.from_bytes(file.read(8), "little") == length
        storages[key] = np.frombuffer(file.read(length * kind.itemsize), kind)
    return {
        name: storages[key][offset : offset + int(np.prod(shape))].reshape(shape)
        for name, ((_, key, _), offset, shape) in tensors.items()
    }


class Graph:
    def __init__(self, tensors: dict[str, np.ndarray], folded: bool):
        self.tensors, self.folded = tensors, folded
        self.nodes, self.initializers = [], []
        self.limits = [self.constant("zero", np.float32(0)), self.constant("six", np.float32(6))]

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(self, x: str, conv: str, norm: str, stride: int = 1, groups: int = 1, relu: bool = True) -> str:
        """A convolution without bias, its batch normalisation and, mostly, min(max(x, 0), 6)."""
        weight = self.tensors[f"{conv}.weight"]
        scale, shift, mean, variance = (
            self.tensors[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        side = weight.shape[2]
        attributes = {"strides": [stride] * 2, "pads": [side // 2] * 4, "group": groups, "kernel_shape": [side] * 2}
        if self.folded:
            factor = scale / np.sqrt(variance + np.float32(EPSILON))
            inputs = [
                self.constant(f"{conv}.weight", weight * factor[:, None, None, None]),
                self.constant(f"{conv}.bias", shift - mean * factor),
            ]
            x = self.node("Conv", [x, *inputs], norm, **attributes)
        else:
            x = self.node("Conv", [x, self.constant(f"{conv}.weight", weight)], conv, **attributes)
            parts = [("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance)]
            inputs = [self.constant(f"{norm}.{name}", part) for name, part in parts]
            x = self.node("BatchNormalization", [x, *inputs], norm, epsilon=EPSILON)
        return self.node("Clip", [x, *self.limits], f"{norm}.relu6") if relu else x


def convert(data: bytes, folded: bool = True) -> onnx.ModelProto:
    """The net of a checkpoint; `folded`: with each batch normalisation in its convolution."""
    tensors = weights(data)
    graph = Graph(tensors, folded)
    x = graph.convolution("input", f"{BACKBONE}.0.0", f"{BACKBONE}.0.1", stride=2)
    channels, index = 32, 1
    for expansion, out, blocks, first_stride in STAGES:
        for stride in [first_stride] + [1] * (blocks - 1):
            block, entry = f"{BACKBONE}.{index}.conv", x
            part = 0
            if expansion != 1:
                x = graph.convolution(x, f"{block}.0.0", f"{block}.0.1")
                part = 1
            x = graph.convolution(
                x, f"{block}.{part}.0", f"{block}.{part}.1", stride=stride, groups=channels * expansion
            )
            x = graph.convolution(x, f"{block}.{part + 1}", f"{block}.{part + 2}", relu=False)
            if stride == 1 and channels == out:
                x = graph.node("Add", [entry, x], f"{block}.sum")
            channels, index = out, index + 1
    x = graph.convolution(x, f"{BACKBONE}.{index}.0", f"{BACKBONE}.{index}.1")
    x = graph.node("ReduceMean", [x], "mean", axes=[2, 3], keepdims=0)
    last = [graph.constant(f"score.{part}", tensors[f"{SCORE}.{part}"]) for part in ("weight", "bias")]
    graph.node("Gemm", [x, *last], "score", transB=1)
    shapes = [("input", [1, 3, 128, 128]), ("score", [1, 1])]
    entry, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    return helper.make_model(
        helper.make_graph(graph.nodes, "qualityface", [entry], [result], graph.initializers),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=7,
    )
