"""Writes canonical_face.toml from MediaPipe's geometry pipeline metadata (a small protocol buffer)."""

import struct
from collections.abc import Iterator

import numpy as np

VERTICES = 468
BASIS_POINTS = 33

HEADER = """\
# The canonical face: the mesh of MediaPipe's geometry pipeline that head pose is measured against.
#
# Vertex i is mesh point i, in centimetres, in the face's own frame: x towards the subject's left (image right),
# y up, z forward, out of the face. `basis` is [mesh point, weight]: the points, and their weights, of the
# weighted Procrustes fit that gives the pose. Numbers are the shortest decimals that read back as the same
# 32-bit floats. Written by convert/canonical_face.py; see cards/canonical_face.md.
"""


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """(field number, value) of each field of one protocol buffer message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        match key & 7:
            case 0:
                value, at = varint(data, at)
            case 2:
                size, at = varint(data, at)
                value = data[at : at + size]
                at += size
            case 5:
                (value,) = struct.unpack_from("<f", data, at)
                at += 4
            case wire_type:
                raise ValueError(f"wire type {wire_type} is not used by this message")
        yield key >> 3, value


def parse(data: bytes) -> tuple[list[tuple[int, float]], list[list[float]]]:
    """The basis and the vertices of a GeometryPipelineMetadata message.

    Field 1 is the mesh (its field 3 the vertex buffer: x, y, z, u, v for each vertex), field 2 a basis point
    (field 1 its id, field 2 its weight).
    """
    basis, buffer = [], []
    for number, value in fields(data):
        if number == 1:
            buffer = [v for n, v in fields(value) if n == 3]
        elif number == 2:
            point = dict(fields(value))
            basis.append((point[1], point[2]))
    assert len(buffer) == 5 * VERTICES and len(basis) == BASIS_POINTS
    return basis, [buffer[5 * i : 5 * i + 3] for i in range(VERTICES)]


def decimal(value: float) -> str:
    # Adding zero makes -0.0 a plain 0.0.
    return np.format_float_positional(np.float32(value) + np.float32(0), unique=True, trim="0")


def toml(data: bytes, licence: str, source: dict) -> str:
    basis, vertices = parse(data)
    text = HEADER + f'\nlicence = "{licence}"\n\nbasis = [\n'
    text += "".join(f"  [{point}, {decimal(weight)}],\n" for point, weight in basis)
    text += "]\nvertices = [\n"
    text += "".join("  [" + ", ".join(decimal(v) for v in vertex) + "],\n" for vertex in vertices)
    text += "]\n\n[source]\n"
    text += "".join(f'{key} = "{value}"\n' for key, value in source.items())
    return text
