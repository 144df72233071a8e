"""Writes the attention mesh in the engine's own operators, from what tf2onnx makes of it.

The net is a tree of chains. Each chain is a row of depthwise-separable blocks,

    x -> PReLU(skip(x) + pointwise(depthwise(x)))

where skip is x itself or, when the block halves the map, its 2 x 2 maximum with zero channels behind. A node
`ResidualChain` holds a whole chain; its weights are one constant, layer by layer. `LandmarkRegion` and `PlacePoints`
stand for the custom operators of the TFLite file. crates/vision/src/kernels says how each is computed.

The graph is read by walking back from the outputs, so the names and the order that tf2onnx gives do not matter, and
the result has the same bytes every time.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "liveface"
STEM, RESIDUAL, POINTWISE, DENSE = range(4)


class Net:
    """The graph by the names of its values."""

    def __init__(self, model: onnx.ModelProto):
        self.producer = {output: node for node in model.graph.node for output in node.output}
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        # Constants that tf2onnx stores in nodes.
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.readers: dict[str, int] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1

    def attributes(self, node: onnx.NodeProto) -> dict:
        return {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def split(self, node: onnx.NodeProto) -> tuple[str, ...]:
        """The inputs that are not constants."""
        return tuple(name for name in node.input if name not in self.constants)

    def through(self, name: str, *kinds: str) -> str:
        """The value behind nodes that only move data."""
        while name in self.producer and self.producer[name].op_type in kinds:
            name = self.producer[name].input[0]
        return name

    def convolution(self, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray, int, int]:
        """Weights [out, in / groups, height, width], bias, stride, groups."""
        assert node.op_type == "Conv", node.op_type
        attributes = self.attributes(node)
        weights = self.constants[node.input[1]]
        bias = self.constants[node.input[2]] if len(node.input) > 2 else np.zeros(weights.shape[0], np.float32)
        strides = attributes.get("strides", [1, 1])
        assert strides[0] == strides[1] and set(attributes.get("dilations", [1])) == {1}
        return weights, bias, strides[0], attributes.get("group", 1)


class Chain:
    """Layers and weights, collected from the last layer to the first."""

    def __init__(self):
        self.layers: list[list[int]] = []
        self.weights: list[list[np.ndarray]] = []

    def put(self, kind: int, inputs: int, outputs: int, stride: int, *weights: np.ndarray) -> None:
        self.layers.insert(0, [kind, inputs, outputs, stride])
        self.weights.insert(0, [np.asarray(w, np.float32).reshape(-1) for w in weights])

    def blob(self) -> np.ndarray:
        return np.concatenate([w for layer in self.weights for w in layer])


def slope(net: Net, node: onnx.NodeProto) -> np.ndarray:
    values = net.constants[node.input[1]]
    assert node.op_type == "PRelu" and values.size == max(values.shape)
    return values.reshape(-1)


def matrix(weights: np.ndarray) -> np.ndarray:
    """[out, in, height, width] to [height, width, in, out]: the order in which a map is read."""
    return weights.transpose(2, 3, 1, 0)


def add_layer(net: Net, chain: Chain, value: str) -> str:
    """Puts the layer that makes `value` at the chain's front and returns what the layer reads."""
    activation = net.producer[value]
    slopes = slope(net, activation)
    node = net.producer[activation.input[0]]
    if node.op_type == "Conv":
        weights, bias, stride, groups = net.convolution(node)
        assert groups == 1
        outputs, inputs, height, width = weights.shape
        if (height, width, stride) == (1, 1, 1):
            chain.put(POINTWISE, inputs, outputs, 1, matrix(weights), bias, slopes)
        else:
            assert (height, width, stride) == (3, 3, 2)
            assert net.attributes(node)["pads"] == [0, 0, 1, 1]
            chain.put(STEM, inputs, outputs, 2, matrix(weights), bias, slopes)
        return node.input[0]

    assert node.op_type == "Add", node.op_type
    # One side ends in a 1 x 1 convolution of a depthwise one; the other is the skip.
    def is_pointwise(name: str) -> bool:
        made = net.producer.get(name)
        if made is None or made.op_type != "Conv" or net.convolution(made)[0].shape[2:] != (1, 1):
            return False
        before = net.producer.get(made.input[0])
        return before is not None and before.op_type == "Conv" and net.convolution(before)[3] > 1

    (pointwise,) = (name for name in node.input if is_pointwise(name))
    (skip,) = (name for name in node.input if name != pointwise)
    pointwise = net.producer[pointwise]
    depthwise = net.producer[pointwise.input[0]]
    source = depthwise.input[0]
    weights, bias, stride, groups = net.convolution(depthwise)
    channels = weights.shape[0]
    assert groups == channels and weights.shape[1:] == (1, 3, 3)
    pads = net.attributes(depthwise)["pads"]
    assert pads == ([1, 1, 1, 1] if stride == 1 else [0, 0, 1, 1])
    mixing, mixing_bias, mixing_stride, mixing_groups = net.convolution(pointwise)
    assert (mixing_stride, mixing_groups) == (1, 1) and mixing.shape[2:] == (1, 1)
    outputs = mixing.shape[0]
    if stride == 1:
        assert skip == source and outputs == channels
    else:
        pooled = skip
        if net.producer[pooled].op_type == "Pad":
            pad = net.producer[pooled]
            sizes = net.constants[pad.input[1]]
            assert sizes.reshape(-1).tolist() == [0, 0, 0, 0, 0, outputs - channels, 0, 0]
            pooled = pad.input[0]
        else:
            assert outputs == channels
        pool = net.producer[pooled]
        attributes = net.attributes(pool)
        assert pool.op_type == "MaxPool" and pool.input[0] == source
        assert attributes["kernel_shape"] == [2, 2] and attributes["strides"] == [2, 2]
    taps = weights.transpose(2, 3, 1, 0)
    chain.put(RESIDUAL, channels, outputs, stride, taps, bias, matrix(mixing), mixing_bias, slopes)
    return source


def walk(net: Net, value: str, stops: set[str], chain: Chain) -> str:
    """Collects layers back from `value` until one of `stops`, a branch or something that is no layer."""
    while True:
        value = net.through(value, "Transpose", "Reshape")
        if value in stops or value not in net.producer or net.producer[value].op_type != "PRelu":
            return value
        value = add_layer(net, chain, value)
        value = net.through(value, "Transpose", "Reshape")
        stops_here = value in net.producer and net.producer[value].op_type == "PRelu" and branches(net, value)
        if stops_here:
            return value


def branches(net: Net, value: str) -> bool:
    """Whether two chains begin at `value`. A block reads its input twice: for its filter and for its skip."""
    filters = 0
    for node in {id(n): n for n in net.producer.values()}.values():
        if value in node.input:
            # A transposed copy feeds the regions.
            filters += node.op_type in ("Conv", "Transpose")
    return filters > 1


def dense(net: Net, *nodes: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Convolutions as large as their map, side by side, as one matrix and bias."""
    parts = [net.convolution(node) for node in nodes]
    weights = np.concatenate([matrix(weights).reshape(-1, weights.shape[0]) for weights, *_ in parts], axis=1)
    return weights, np.concatenate([bias for _, bias, *_ in parts])


def fuse(model: onnx.ModelProto, input_side: int, feature_side: int) -> onnx.ModelProto:
    """The mesh in the engine's own operators. `model` is tf2onnx's, its custom operators still in place."""
    net = Net(model)
    outputs = {o.name: o for o in model.graph.output}
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []

    def chain_node(name: str, source: str, side: int, chain: Chain) -> str:
        initializers.append(numpy_helper.from_array(chain.blob(), f"{name}_weights"))
        nodes.append(
            helper.make_node(
                "ResidualChain", [source, f"{name}_weights"], [name], name, domain=DOMAIN,
                height=side, width=side, layers=[n for layer in chain.layers for n in layer],
            )
        )  # fmt: skip
        return name

    def last_convolution(output: str) -> onnx.NodeProto:
        return net.producer[net.through(output, "Reshape", "Transpose", "Squeeze", "Slice")]

    # The trunk: from the picture to the features that the regions read, and on to the coarse mesh.
    mesh, flag = last_convolution("output_mesh_identity"), last_convolution("conv_faceflag")
    assert mesh.input[0] == flag.input[0]
    upper = Chain()
    weights, bias = dense(net, mesh, flag)
    points = bias.size - 1
    features = walk(net, mesh.input[0], set(), upper)
    final_side = feature_side // 2 ** sum(layer[3] == 2 for layer in upper.layers)
    last_channels = upper.layers[-1][2]
    assert weights.shape[0] == final_side**2 * last_channels
    upper.layers.append([DENSE, last_channels, bias.size, 1])
    upper.weights.append([weights.reshape(-1), bias])
    lower = Chain()
    (picture,) = (i.name for i in model.graph.input)
    assert walk(net, features, set(), lower) == picture
    chain_node("features", picture, input_side, lower)
    chain_node("mesh_and_flag", "features", feature_side, upper)
    initializers.append(numpy_helper.from_array(np.array([points, 1], np.int64), "mesh_and_flag_parts"))
    nodes.append(helper.make_node("Split", ["mesh_and_flag", "mesh_and_flag_parts"], ["mesh", "flag"], axis=1))

    def shaped(source: str, output: str) -> None:
        dims = [d.dim_value for d in outputs[output].type.tensor_type.shape.dim]
        initializers.append(numpy_helper.from_array(np.array(dims, np.int64), f"{output}_shape"))
        nodes.append(helper.make_node("Reshape", [source, f"{output}_shape"], [output]))

    shaped("mesh", "output_mesh_identity")
    shaped("flag", "conv_faceflag")

    # The regions, in the order of the outputs.
    regions: dict[str, str] = {}
    shared: dict[str, str] = {}
    for output in outputs:
        if output in ("output_mesh_identity", "conv_faceflag"):
            continue
        move = net.producer[net.through(output, "Reshape", "Squeeze", "Transpose")]
        assert move.op_type == "TFL_TransformLandmarks", move.op_type
        final = net.producer[net.through(move.input[0], "Reshape", "Transpose", "Squeeze")]
        head = Chain()
        source = walk(net, final.input[0], set(), head)
        part = output.removeprefix("output_")
        if net.producer[source].op_type == "PRelu":
            # Eye and iris share their first blocks.
            if source not in shared:
                stem = Chain()
                start = walk(net, source, set(), stem)
                eye = part.removesuffix("_iris").removesuffix("_eye") + "_eye"
                side = region(net, start, regions, nodes, eye, feature_side)
                shared[source] = chain_node(f"{eye}_shared", regions[start], side, stem)
                shared[source + " side"] = side // 2 ** sum(layer[3] == 2 for layer in stem.layers)
                shared[source + " place"] = regions[start] + "_placement"
            begin, side, placement = shared[source], shared[source + " side"], shared[source + " place"]
        else:
            side = region(net, source, regions, nodes, part, feature_side)
            begin, placement = regions[source], regions[source] + "_placement"
        weights, bias = dense(net, final)
        head.layers.append([DENSE, head.layers[-1][2], bias.size, 1])
        head.weights.append([weights.reshape(-1), bias])
        chain_node(f"{part}_points", begin, side, head)
        nodes.append(
            helper.make_node("PlacePoints", [f"{part}_points", placement], [output], output, domain=DOMAIN)
        )

    graph = helper.make_graph(nodes, "mesh", list(model.graph.input), list(model.graph.output), initializers)
    opsets = [helper.make_opsetid("", 16), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="liveface")


def region(net: Net, source: str, regions: dict, nodes: list, part: str, feature_side: int) -> int:
    """The node that samples the region which `source` shows; returns the side of the sampled map."""
    sampler = net.producer[source]
    assert sampler.op_type == "TFL_TransformTensorBilinear", sampler.op_type
    attributes = net.attributes(sampler)
    side = attributes["output_width"]
    assert side == attributes["output_height"]
    if source in regions:
        return side
    matrix_node = net.producer[net.through(sampler.input[1], "Reshape")]
    assert matrix_node.op_type == "TFL_Landmarks2TransformMatrix", matrix_node.op_type
    found = net.attributes(matrix_node)
    assert found["target_rotation_radians"] == 0.0
    assert (found["output_width"], found["output_height"]) == (side, side)
    scaled = net.producer[net.through(matrix_node.input[0], "Reshape")]
    assert scaled.op_type == "Mul"
    (scale,) = (net.constants[name] for name in scaled.input if name in net.constants)
    name = f"{part}_region"
    nodes.append(
        helper.make_node(
            "LandmarkRegion", ["features", "mesh"], [name, f"{name}_placement"], name, domain=DOMAIN,
            subset=list(found["subset_idxs"]),
            horizontal=[found["left_rotation_idx"], found["right_rotation_idx"]],
            grown=[float(found["scale_x"]), float(found["scale_y"])],
            cells_per_pixel=float(scale.reshape(-1)[0]), side=side,
        )
    )  # fmt: skip
    regions[source] = name
    return side
