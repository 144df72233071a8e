"""Repeats the conversion of every model from its pinned package and compares it with the file in models/.

    python convert.py [--work FOLDER] [NAME ...]

NAME is a model of models.toml or `canonical_face`; all when none is given. Exits with 1 when an output differs by
more than its tolerance. See README.md.
"""

import argparse
import logging
import os
import sys
import tomllib
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import attention_ops
import canonical_face
import compare
import fetch
import fuse
import qualityface

MODELS = Path(__file__).resolve().parent.parent

# The largest absolute difference that passes, in the unit of the model's outputs. The conversion is the same
# arithmetic on the same weights, so what remains is the order in which tf2onnx happens to emit nodes.
# (The mesh has the engine's own operators, which only the engine runs: its file must have the same bytes instead, and
# the numbers are those of the same net in standard operators.)
TOLERANCE = {"detector": 1e-4, "mesh": 1e-4, "pad": 0.0, "embedding": 1e-4, "learned_quality": 1e-6, "person": 1e-4}

# The same against TensorFlow Lite, whose kernels add up in another order.
TFLITE_TOLERANCE = {"detector": 1e-3, "embedding": 1e-3}

# The same of the learned quality against its checkpoint in 32-bit floats, each batch normalisation on its own: what
# storing its weights as fp16 costs, in a score of 0 to 1.
CHECKPOINT_TOLERANCE = 2e-3


def tflite_to_onnx(tflite: Path, opset: int) -> onnx.ModelProto:
    from tf2onnx import convert

    # It reports the mesh's custom operators as errors and carries on; the checker in repeat_model sees to it that
    # none is left.
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    model, _ = convert.from_tflite(str(tflite), opset=opset)
    return model


def store_weights_as_fp16(model: onnx.ModelProto, rounded: bool = False) -> onnx.ModelProto:
    """Stores every 32-bit float constant of 64 numbers or more as fp16 with a Cast, where that loses nothing or, if
    `rounded`, in any case.

    MediaPipe's weights are fp16 in its own file, so nothing is lost; ONNX Runtime folds the Casts when it loads.
    """
    casts, tensors = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= 64:
            full = numpy_helper.to_array(tensor)
            with np.errstate(over="ignore"):
                half = full.astype(np.float16)
            assert not rounded or np.isfinite(half).all()
            if rounded or np.array_equal(half.astype(np.float32), full):
                stored = f"{tensor.name}__h"
                casts.append(
                    helper.make_node("Cast", [stored], [tensor.name], f"{tensor.name}__cast", to=TensorProto.FLOAT)
                )
                tensor = numpy_helper.from_array(half, stored)
        tensors.append(tensor)
    nodes = casts + list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(tensors)
    model.graph.node.extend(nodes)
    return model


def batch_two_to_one(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turns the fixed batch of 2 into 1: in the input, in the outputs and in the Reshape constants."""
    for value in [*model.graph.input, *model.graph.output]:
        batch = value.type.tensor_type.shape.dim[0]
        assert batch.dim_value == 2
        batch.dim_value = 1
    reshapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for tensor in model.graph.initializer:
        if tensor.name in reshapes:
            target = numpy_helper.to_array(tensor).copy()
            assert target[0] == 2
            target[0] = 1
            tensor.CopyFrom(numpy_helper.from_array(target, tensor.name))
    return model


def gather_prelu(model: onnx.ModelProto) -> onnx.ModelProto:
    """Writes Relu(x) + a (x - |x|) as the PRelu(x, 2a) that it is: one node for five, to the bit the same.

    x - |x| is 0 or exactly 2x, and doubling a float loses nothing.
    """
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    producer = {output: node for node in model.graph.node for output in node.output}
    replaced, gone = {}, set()
    for node in model.graph.node:
        if node.op_type != "Add":
            continue
        sides = {producer[name].op_type: producer[name] for name in node.input if name in producer}
        if set(sides) != {"Relu", "Mul"}:
            continue
        relu, product = sides["Relu"], sides["Mul"]
        (x,) = relu.input
        (slope,) = (constants[name] for name in product.input if name in constants)
        (difference,) = (producer[name] for name in product.input if name in producer)
        magnitude = producer[difference.input[1]]
        assert (difference.op_type, magnitude.op_type) == ("Sub", "Abs")
        assert difference.input[0] == magnitude.input[0] == x
        name = f"{node.output[0]}__slope"
        model.graph.initializer.append(numpy_helper.from_array(slope.reshape(-1, 1, 1) * np.float32(2), name))
        replaced[node.output[0]] = helper.make_node("PRelu", [x, name], [node.output[0]], node.name)
        gone |= {relu.output[0], product.output[0], difference.output[0], magnitude.output[0]}
    nodes = [replaced.get(n.output[0], n) for n in model.graph.node if n.output[0] not in gone]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    kept = [t for t in model.graph.initializer if t.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def convert_detector(tflite: Path) -> onnx.ModelProto:
    return store_weights_as_fp16(tflite_to_onnx(tflite, opset=13))


def convert_mesh(tflite: Path) -> onnx.ModelProto:
    # Input of 192 x 192 pixels; the features that the regions of eyes and lips read have 48 x 48 cells.
    return store_weights_as_fp16(fuse.fuse(tflite_to_onnx(tflite, opset=16), 192, 48))


def convert_reference_mesh(tflite: Path) -> onnx.ModelProto:
    """The mesh in standard operators: what the tests hold the other against."""
    model = tflite_to_onnx(tflite, opset=16)
    sampled = [n.output[0] for n in model.graph.node if n.op_type == "TFL_TransformTensorBilinear"]
    # All three read the same feature map: 48 x 48 cells, 32 channels.
    model = attention_ops.rewrite(model, {name: (1, 48, 48, 32) for name in sampled})
    return store_weights_as_fp16(model)


def convert_embedding(tflite: Path) -> onnx.ModelProto:
    return gather_prelu(batch_two_to_one(tflite_to_onnx(tflite, opset=16)))


def convert_learned_quality(checkpoint: Path) -> onnx.ModelProto:
    return store_weights_as_fp16(qualityface.convert(checkpoint.read_bytes()), rounded=True)


def rewrite_transposed_convolution(model: onnx.ModelProto) -> onnx.ModelProto:
    """Writes MediaPipe's Convolution2DTransposeBias, which makes a picture twice as large, as a ConvTranspose."""
    nodes = []
    for node in model.graph.node:
        if node.op_type != "TFL_Convolution2DTransposeBias":
            nodes.append(node)
            continue
        x, weight, bias = node.input
        (tensor,) = (t for t in model.graph.initializer if t.name == weight)
        kernel = numpy_helper.to_array(tensor)
        assert kernel.shape[1:3] == (2, 2)
        # Output, height, width, input there; input, output, height, width here.
        tensor.CopyFrom(numpy_helper.from_array(kernel.transpose(3, 0, 1, 2).copy(), weight))
        before, after, (end,) = f"{x}__nchw", f"{x}__twice", node.output
        nodes += [
            helper.make_node("Transpose", [x], [before], perm=[0, 3, 1, 2]),
            helper.make_node("ConvTranspose", [before, weight, bias], [after], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Transpose", [after], [end], perm=[0, 2, 3, 1]),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def convert_person(tflite: Path) -> onnx.ModelProto:
    return store_weights_as_fp16(rewrite_transposed_convolution(tflite_to_onnx(tflite, opset=16)))


CONVERTERS = {
    "detector": convert_detector,
    "mesh": convert_mesh,
    "embedding": convert_embedding,
    "learned_quality": convert_learned_quality,
    "person": convert_person,
}

# The mesh in standard operators, for this comparison and for the engine's tests.
REFERENCE_MESH = "reference/facemesh_attention478_192.w16.onnx"
REFERENCE_MESH_SHA256 = "f8f6dc843a08c79108c124318d0e7d28e99f229a63faa5b1e64c29b0e8f1b685"


def run_tflite(tflite: Path, model: dict) -> dict[str, dict[str, np.ndarray]]:
    """The source model's outputs from TensorFlow Lite, for models without custom operators."""
    import tensorflow

    net = tensorflow.lite.Interpreter(model_path=str(tflite), num_threads=1)
    net.allocate_tensors()
    (entry,) = net.get_input_details()
    names = {o["name"]: o["index"] for o in net.get_output_details()}
    results = {}
    for name, x in compare.test_inputs(model["input"]).items():
        net.set_tensor(entry["index"], np.repeat(x, entry["shape"][0], axis=0))
        net.invoke()
        results[name] = {o["name"]: net.get_tensor(names[o["name"]])[:1] for o in model["outputs"]}
    return results


def report(title: str, rows: list, tolerance: float) -> bool:
    print(f"  {title} (tolerance {tolerance:g})")
    print(f"    {'output':24}{'largest':>12}{'random':>12}{'smooth':>12}")
    for output, magnitude, random, smooth in rows:
        print(f"    {output:24}{magnitude:12.4g}{random:12.3g}{smooth:12.3g}")
    # Written so that a NaN fails.
    return all(random <= tolerance and smooth <= tolerance for _, _, random, smooth in rows)


def repeat_model(model: dict, work: Path) -> bool:
    name, shipped = model["name"], MODELS / model["file"]
    fetch.check(model["file"], shipped.read_bytes(), model["sha256"])
    data = fetch.member(model["source"], work)
    source = work / Path(model["source"]["member"]).name
    source.write_bytes(data)
    print(f"{name}: {source.name} from {model['source']['package']} {model['source']['version']}")

    if source.suffix == ".onnx":
        converted = source
        same = data == shipped.read_bytes()
        print(f"  a byte copy of the package's file: {'yes' if same else 'NO'}")
        passed = same
    else:
        converted = work / model["file"]
        onnx_model = CONVERTERS[name](source)
        onnx.checker.check_model(onnx_model)
        onnx.save(onnx_model, converted)
        passed = True
    if name == "mesh":
        passed = converted.read_bytes() == shipped.read_bytes()
        print(f"  equal byte for byte to a fresh conversion: {'yes' if passed else 'NO'}")
        shipped, converted = MODELS / REFERENCE_MESH, work / Path(REFERENCE_MESH).name
        fetch.check(REFERENCE_MESH, shipped.read_bytes(), REFERENCE_MESH_SHA256)
        onnx.save(convert_reference_mesh(source), converted)

    ours = compare.run_onnx(shipped, model)
    rows = compare.differences(ours, compare.run_onnx(converted, model))
    passed &= report(f"{shipped.name} against a fresh conversion", rows, TOLERANCE[name])
    if name in TFLITE_TOLERANCE:
        rows = compare.differences(ours, run_tflite(source, model))
        passed &= report(f"{model['file']} against TensorFlow Lite", rows, TFLITE_TOLERANCE[name])
    if name == "learned_quality":
        plain = work / "qualityface.plain.onnx"
        onnx.save(qualityface.convert(data, folded=False), plain)
        rows = compare.differences(ours, compare.run_onnx(plain, model))
        passed &= report(f"{model['file']} against its checkpoint", rows, CHECKPOINT_TOLERANCE)
    return passed


def repeat_canonical_face(work: Path) -> bool:
    path = MODELS / "canonical_face.toml"
    shipped = path.read_text()
    table = tomllib.loads(shipped)
    data = fetch.member(table["source"], work)
    fresh = work / path.name
    fresh.write_text(canonical_face.toml(data, table["licence"], table["source"]))
    same = fresh.read_text() == shipped
    print(f"canonical_face: {path.name} equals what its source gives: {'yes' if same else 'NO'}")
    return same


def main() -> int:
    models = {m["name"]: m for m in tomllib.loads((MODELS / "models.toml").read_text())["model"]}
    choices = [*models, "canonical_face"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=MODELS.parent / "target" / "convert", help="downloads and results")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(choices))
    arguments = parser.parse_args()
    names = arguments.names or choices
    if unknown := set(names) - set(choices):
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    arguments.work.mkdir(parents=True, exist_ok=True)
    # tf.lite.Interpreter announces its move to another package; the pinned version still has it.
    warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")

    failed = []
    for name in names:
        if name == "canonical_face":
            passed = repeat_canonical_face(arguments.work)
        else:
            passed = repeat_model(models[name], arguments.work)
        if not passed:
            failed.append(name)
    print(f"FAILED: {', '.join(failed)}" if failed else "all as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
