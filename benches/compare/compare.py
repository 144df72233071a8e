#!/usr/bin/env python3
"""LiveFace's tracked frame against MediaPipe's FaceMesh on the same frames, core and run.

Both are asked for blocks of frames in turn, so that whatever else the machine does hits both.
See README.md beside this file.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
PACKAGES = ["mediapipe==0.10.21", "opencv-contrib-python<5", "numpy<2"]


def environment() -> pathlib.Path:
    """The Python of an environment of its own that has MediaPipe."""
    folder = TARGET / "compare-venv"
    python = folder / "bin/python"
    made = folder / "made"
    if not made.exists():
        print(f"Making {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        made.write_text("\n".join(PACKAGES) + "\n")
    return python


def build() -> pathlib.Path:
    """LiveFace's side, in release."""
    cargo = ["cargo", "build", "--release", "-p", "liveface-benches", "--example", "tracked_frames"]
    subprocess.run(cargo, check=True, cwd=ROOT)
    return TARGET / "release/examples/tracked_frames"


class LiveFace:
    def __init__(self, program, size, file):
        command = [program, str(size[0]), str(size[1]), file]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("LiveFace's side ended; what it said stands above")
        answer = json.loads(line)
        return answer["ms"], answer["faces"]

    def processor_ms(self):
        """Processor time of all threads so far."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


class MediaPipe:
    def __init__(self, pictures):
        import mediapipe

        self.mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=1, refine_landmarks=True
        )
        self.pictures = pictures
        self.next = 0

    def run(self, count):
        times, faces = [], 0
        for _ in range(count):
            picture = self.pictures[self.next % len(self.pictures)]
            self.next += 1
            started = time.perf_counter()
            seen = self.mesh.process(picture)
            times.append((time.perf_counter() - started) * 1000)
            faces += len(seen.multi_face_landmarks or [])
        return times, faces

    def processor_ms(self):
        return time.process_time() * 1000


def read(folder):
    """The pictures in RGB, and the same in NV12 (BT.601, limited range), one after the other."""
    import cv2
    import numpy

    rgb, nv12 = [], []
    for path in sorted(pathlib.Path(folder).glob("*.jpg")):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        height, width = picture.shape[:2]
        if rgb and picture.shape != rgb[0].shape or width % 2 or height % 2:
            sys.exit(f"{path} is {width}x{height}; all pictures need one size with even sides")
        planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).reshape(-1)
        y, colours = planes[: width * height], planes[width * height :].reshape(2, -1)
        rgb.append(picture)
        nv12.append(numpy.concatenate([y, colours.T.reshape(-1)]).tobytes())
    if not rgb:
        sys.exit(f"{folder} holds no .jpg files")
    # There and back again: a head does not jump where the pictures begin anew.
    back = slice(len(rgb) - 2, 0, -1)
    return rgb + rgb[back], b"".join(nv12 + nv12[back]), (rgb[0].shape[1], rgb[0].shape[0])


def share(values, part):
    """The smallest value that at least this part of all keep to."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * part // 100) - 1)]


def measure(options):
    os.sched_setaffinity(0, {options.core})
    rgb, nv12, size = read(options.frames)
    with tempfile.NamedTemporaryFile(suffix=".nv12") as file:
        file.write(nv12)
        file.flush()
        sides = {"LiveFace": LiveFace(options.program, size, file.name), "MediaPipe": MediaPipe(rgb)}
        for side in sides.values():
            side.run(options.block)
        times = {name: [] for name in sides}
        processor = {name: [] for name in sides}
        faces = dict.fromkeys(sides, 0)
        for block in range(options.blocks):
            # Who comes first changes, or one would always run on what the other left in the caches.
            order = list(sides) if block % 2 == 0 else list(reversed(sides))
            for name in order:
                before = sides[name].processor_ms()
                milliseconds, seen = sides[name].run(options.block)
                processor[name].append((sides[name].processor_ms() - before) / options.block)
                times[name].append(milliseconds)
                faces[name] += seen
    frames = options.blocks * options.block
    print(f"{frames} frames of {size[0]}x{size[1]} each, in {options.blocks} blocks in turn, on core "
          f"{options.core}\n")
    print(f"{'ms a frame':<12}{'p10':>8}{'median':>8}{'p95':>8}{'processor':>11}{'faces':>8}")
    for name, blocks in times.items():
        row = [milliseconds for block in blocks for milliseconds in block]
        print(f"{name:<12}{share(row, 10):>8.2f}{statistics.median(row):>8.2f}{share(row, 95):>8.2f}"
              f"{statistics.median(processor[name]):>11.2f}{faces[name]:>8}")
    medians = {name: [statistics.median(block) for block in times[name]] for name in times}
    print()
    for what, of in (("medians", medians), ("processor time", processor)):
        pairs = zip(of["LiveFace"], of["MediaPipe"])
        ratios = [ours / theirs for ours, theirs in pairs]
        print(f"LiveFace / MediaPipe, {what}: {statistics.median(ratios):.2f} (block by block, "
              f"10 to 90 %: {share(ratios, 10):.2f} to {share(ratios, 90):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", default=ROOT / "fixtures/sequence-m1", help="folder of .jpg files")
    parser.add_argument("--blocks", type=int, default=40, help="blocks of each side")
    parser.add_argument("--block", type=int, default=30, help="frames of a block")
    parser.add_argument("--core", type=int, default=0, help="the core that both run on")
    parser.add_argument("--python", help="a Python that has MediaPipe, instead of an own environment")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.program is None:
        python = options.python or environment()
        arguments = [python, __file__, *sys.argv[1:], "--program", build()]
        sys.exit(subprocess.run(arguments).returncode)
    measure(options)


if __name__ == "__main__":
    main()
