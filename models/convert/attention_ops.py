"""Rewrites the three custom operators of MediaPipe's attention mesh as plain ONNX operators.

tf2onnx passes them through as TFL_Landmarks2TransformMatrix, TFL_TransformTensorBilinear and TFL_TransformLandmarks,
which no ONNX runtime knows. Each is replaced here by the arithmetic it stands for.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Builder:
    """Collects nodes and constants. `b.Add(x, y)` makes an Add node and returns the name of its output; an argument
    that is not a name becomes a constant."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def name(self) -> str:
        return f"{self.prefix}/{len(self.nodes) + len(self.constants)}"

    def constant(self, value) -> str:
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def __getattr__(self, operator: str):
        def node(*inputs, output: str | None = None, **attributes) -> str:
            names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
            output = output or self.name()
            self.nodes.append(helper.make_node(operator, names, [output], name=output, **attributes))
            return output

        return node

    def part(self, x: str, axis: int, start: int, end: int) -> str:
        ints = [np.array([v], np.int64) for v in (start, end, axis)]
        return self.Slice(x, *ints)


def scalar(value: float) -> np.ndarray:
    return np.array([[value]], np.float32)


def shape(*sizes: int) -> np.ndarray:
    return np.array(sizes, np.int64)


def landmarks_to_transform_matrix(b: Builder, node: onnx.NodeProto, attributes: dict) -> None:
    """Landmarks [1, n, 3] to the 4 x 4 matrix that maps the output grid to a rotated box around a subset of them.

    The box is upright in the frame whose x axis runs from the left to the right rotation landmark; it is the bounding
    box of the subset in that frame, grown by scale_x and scale_y. All of subset_idxs count, not pairs of them.
    """
    assert attributes["target_rotation_radians"] == 0.0
    width, height = attributes["output_width"], attributes["output_height"]

    points = b.part(b.Reshape(node.input[0], shape(-1, 3)), 1, 0, 2)
    left = b.Gather(points, shape(attributes["left_rotation_idx"]), axis=0)
    right = b.Gather(points, shape(attributes["right_rotation_idx"]), axis=0)
    direction = b.Sub(right, left)
    length = b.Sqrt(b.ReduceSum(b.Mul(direction, direction), shape(1), keepdims=1))
    direction = b.Div(direction, length)
    cos = b.part(direction, 1, 0, 1)
    minus_sin = b.Neg(b.part(direction, 1, 1, 2))

    subset = b.Gather(points, shape(*attributes["subset_idxs"]), axis=0)
    x, y = b.part(subset, 1, 0, 1), b.part(subset, 1, 1, 2)
    rotated_x = b.Sub(b.Mul(x, cos), b.Mul(y, minus_sin))
    rotated_y = b.Add(b.Mul(x, minus_sin), b.Mul(y, cos))
    max_x, min_x = (op(rotated_x, axes=[0], keepdims=1) for op in (b.ReduceMax, b.ReduceMin))
    max_y, min_y = (op(rotated_y, axes=[0], keepdims=1) for op in (b.ReduceMax, b.ReduceMin))

    middle_x = b.Mul(b.Add(max_x, min_x), scalar(0.5))
    middle_y = b.Mul(b.Add(max_y, min_y), scalar(0.5))
    centre_x = b.Add(b.Mul(middle_x, cos), b.Mul(middle_y, minus_sin))
    centre_y = b.Sub(b.Mul(middle_y, cos), b.Mul(middle_x, minus_sin))
    step_x = b.Mul(b.Sub(max_x, min_x), scalar(attributes["scale_x"] / width))
    step_y = b.Mul(b.Sub(max_y, min_y), scalar(attributes["scale_y"] / height))

    m00, m01 = b.Mul(cos, step_x), b.Mul(minus_sin, step_y)
    m10, m11 = b.Neg(b.Mul(minus_sin, step_x)), b.Mul(cos, step_y)
    half_width, half_height = scalar(width / 2), scalar(height / 2)
    m03 = b.Sub(b.Sub(centre_x, b.Mul(m00, half_width)), b.Mul(m01, half_height))
    m13 = b.Sub(b.Sub(centre_y, b.Mul(m10, half_width)), b.Mul(m11, half_height))
    zero, one = b.constant(scalar(0)), b.constant(scalar(1))
    rows = [m00, m01, zero, m03, m10, m11, zero, m13, zero, zero, one, zero, zero, zero, zero, one]
    b.Reshape(b.Concat(*rows, axis=0), shape(1, 4, 4), output=node.output[0])


def transform_tensor_bilinear(b: Builder, node: onnx.NodeProto, attributes: dict, input_shape: tuple) -> None:
    """Samples an NHWC tensor bilinearly on the grid that the matrix maps to. Outside the tensor the result is zero."""
    _, in_height, in_width, channels = input_shape
    width, height = attributes["output_width"], attributes["output_height"]
    cells = width * height

    pixels = b.Reshape(node.input[0], shape(in_height * in_width, channels))
    matrix = b.Reshape(node.input[1], shape(16, 1))
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    grid_x, grid_y = b.constant(grid_x.reshape(cells, 1)), b.constant(grid_y.reshape(cells, 1))

    def mapped(row: int) -> str:
        m0, m1, m3 = (b.part(matrix, 0, 4 * row + i, 4 * row + i + 1) for i in (0, 1, 3))
        return b.Sub(b.Add(b.Add(b.Mul(grid_x, m0), b.Mul(grid_y, m1)), m3), scalar(0.5))

    def clamp(x: str, last: int) -> str:
        return b.Min(b.Max(x, np.float32(0)), np.float32(last))

    x, y = mapped(0), mapped(1)
    inside = b.And(b.Equal(clamp(x, in_width - 1), x), b.Equal(clamp(y, in_height - 1), y))
    x0, y0 = b.Floor(x), b.Floor(y)
    x1, y1 = b.Add(x0, scalar(1)), b.Add(y0, scalar(1))
    weight_x1, weight_y1 = b.Sub(x, x0), b.Sub(y, y0)
    weight_x0, weight_y0 = b.Sub(scalar(1), weight_x1), b.Sub(scalar(1), weight_y1)

    def at(x: str, y: str) -> str:
        index = b.Add(b.Mul(clamp(y, in_height - 1), scalar(in_width)), clamp(x, in_width - 1))
        index = b.Reshape(b.Cast(index, to=onnx.TensorProto.INT64), shape(cells))
        return b.Gather(pixels, index, axis=0)

    def row(y: str) -> str:
        return b.Add(b.Mul(at(x0, y), weight_x0), b.Mul(at(x1, y), weight_x1))

    sampled = b.Add(b.Mul(row(y0), weight_y0), b.Mul(row(y1), weight_y1))
    sampled = b.Mul(sampled, b.Cast(inside, to=onnx.TensorProto.FLOAT))
    b.Reshape(sampled, shape(1, height, width, channels), output=node.output[0])


def transform_landmarks(b: Builder, node: onnx.NodeProto) -> None:
    """Applies the matrix to points [1, n, 2]."""
    matrix = b.Reshape(node.input[1], shape(4, 4))
    linear = b.Slice(matrix, shape(0, 0), shape(2, 2), shape(0, 1))
    shift = b.Slice(matrix, shape(0, 3), shape(2, 4), shape(0, 1))
    moved = b.MatMul(node.input[0], b.Transpose(linear, perm=[1, 0]))
    b.Add(moved, b.Transpose(shift, perm=[1, 0]), output=node.output[0])


def rewrite(model: onnx.ModelProto, tensor_shapes: dict[str, tuple]) -> onnx.ModelProto:
    """Returns the model without custom operators. `tensor_shapes` gives the NHWC shape of each output of
    TFL_TransformTensorBilinear's input, by the name of that node's output."""
    nodes, constants = [], []
    for node in model.graph.node:
        if not node.op_type.startswith("TFL_"):
            nodes.append(node)
            continue
        b = Builder(node.output[0])
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        match node.op_type:
            case "TFL_Landmarks2TransformMatrix":
                landmarks_to_transform_matrix(b, node, attributes)
            case "TFL_TransformTensorBilinear":
                transform_tensor_bilinear(b, node, attributes, tensor_shapes[node.output[0]])
            case "TFL_TransformLandmarks":
                transform_landmarks(b, node)
            case unknown:
                raise ValueError(f"{unknown}: no rewrite is known for this custom operator")
        nodes += b.nodes
        constants += b.constants
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(constants)
    return model
