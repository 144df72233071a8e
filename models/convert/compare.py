"""Runs two models on the same inputs and tells how far their outputs are apart."""

from pathlib import Path

import numpy as np
import onnxruntime

RANDOM_SEEDS = range(4)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def smooth_image(height: int, width: int) -> np.ndarray:
    """A drawn face in soft shades, RGB in 0..255: something that the nets respond to, from formulas alone."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = (x + 0.5) / width, (y + 0.5) / height

    def spot(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
        return np.exp(-((((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) ** 2))[..., None]

    image = 70 + 60 * y[..., None] * np.array([1.0, 1.1, 1.3])
    layers = [
        ((0.50, 0.50, 0.30, 0.40), (205, 165, 140)),  # skin
        ((0.50, 0.14, 0.28, 0.14), (60, 45, 35)),  # hair
        ((0.38, 0.41, 0.070, 0.035), (240, 238, 235)),  # whites of the eyes
        ((0.62, 0.41, 0.070, 0.035), (240, 238, 235)),
        ((0.38, 0.41, 0.026, 0.030), (50, 35, 30)),  # irises
        ((0.62, 0.41, 0.026, 0.030), (50, 35, 30)),
        ((0.38, 0.34, 0.090, 0.018), (85, 60, 45)),  # brows
        ((0.62, 0.34, 0.090, 0.018), (85, 60, 45)),
        ((0.50, 0.57, 0.050, 0.035), (180, 130, 110)),  # nose
        ((0.50, 0.70, 0.110, 0.032), (175, 90, 90)),  # mouth
    ]
    for where, colour in layers:
        weight = spot(*where)
        image = image * (1 - weight) + np.array(colour, float) * weight
    return image


def test_inputs(spec: dict) -> dict[str, np.ndarray]:
    """The inputs, by name, normalised and laid out as the model's `input` table says."""
    size = spec["shape"][1:3] if spec["layout"] == "NHWC" else spec["shape"][2:4]
    images = {f"random {s}": np.random.default_rng(s).uniform(0, 255, (*size, 3)) for s in RANDOM_SEEDS}
    images["smooth"] = smooth_image(*size)
    inputs = {}
    for name, image in images.items():
        if spec["colour"] == "BGR":
            image = image[..., ::-1]
        if spec["layout"] == "NCHW":
            image = image.transpose(2, 0, 1)
        inputs[name] = ((image[None] - spec["mean"]) / spec["scale"]).astype(np.float32)
    return inputs


def run_onnx(path: Path, model: dict) -> dict[str, dict[str, np.ndarray]]:
    """Output arrays by input name, then by output name."""
    names = [o["name"] for o in model["outputs"]]
    net = session(path)
    results = {}
    for name, x in test_inputs(model["input"]).items():
        results[name] = dict(zip(names, net.run(names, {model["input"]["name"]: x}), strict=True))
    for output in model["outputs"]:
        found = list(results["smooth"][output["name"]].shape)
        assert found == output["shape"], f"{output['name']} is {found}, models.toml says {output['shape']}"
    return results


def differences(one: dict, other: dict) -> list[tuple[str, float, float, float]]:
    """Per output: its name, the largest magnitude in `one`, the largest absolute difference on the random inputs
    and on the smooth image."""
    rows = []
    for output in one["smooth"]:
        magnitude = max(float(np.abs(one[name][output]).max()) for name in one)
        apart = {name: float(np.abs(one[name][output] - other[name][output]).max()) for name in one}
        smooth = apart.pop("smooth")
        rows.append((output, magnitude, max(apart.values()), smooth))
    return rows
