"""Check what is inside the sdist and the wheel: python3 check_distributions.py TREE DIST."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

SHIPPED = (".py", ".pxd", ".pyi", ".npz", "py.typed")
C_FILES = ("fastjac/include/", "fastjac/export/", "fastjac/kernels/elementary.h")  # the last two: what export_c writes
EXTENSIONS = (".so", ".pyd")
NOT_IN_SDIST = (".ci/", ".github/", ".gitignore", ".pre-commit-config.yaml")


def files_of(tree):
    listing = ["git", "-C", str(tree), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name for name in names if name and (tree / name).is_file()}


def only(directory, pattern):
    found = list(directory.glob(pattern))
    assert len(found) == 1, f"expected one {pattern} in {directory}, got {[path.name for path in found]}"
    return found[0]


def check_sdist(path, tree_files):
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = {name for name in tree_files if not name.startswith(NOT_IN_SDIST)}
    assert not expected - names, f"not in the sdist: {sorted(expected - names)}"
    made = {"PKG-INFO", "setup.cfg"} | {name for name in names if name.startswith("fastjac.egg-info/")}
    assert not names - expected - made, f"in the sdist for no reason: {sorted(names - expected - made)}"


def check_wheel(path, tree_files):
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
        dist_info = {name for name in names if ".dist-info/" in name}
    assert any(name.endswith("/LICENSE") for name in dist_info), "the wheel has no licence"

    own_files = {name for name in tree_files if name.startswith("fastjac/")}
    compiled = {name.partition(".")[0] for name in names if name.endswith(EXTENSIONS)}
    sources = {name.partition(".")[0] for name in own_files if name.endswith(".pyx")}
    builds = {f"fastjac/kernels/{name}" for name in ("v2", "v3", "v4", "baseline")}
    assert compiled <= sources, f"compiled from no source: {sorted(compiled - sources)}"
    assert sources - builds <= compiled, f"not compiled: {sorted(sources - builds - compiled)}"
    assert compiled & builds in ({"fastjac/kernels/baseline"}, builds - {"fastjac/kernels/baseline"}), \
        f"SIMD builds: got {sorted(compiled & builds)}"

    plain = {name for name in names - dist_info if not name.endswith(EXTENSIONS)}
    expected = {name for name in own_files if name.endswith(SHIPPED) or name.startswith(C_FILES)}
    assert plain == expected, (f"not in the wheel: {sorted(expected - plain)}; "
                               f"in the wheel for no reason: {sorted(plain - expected)}")

    required = re.findall("^Requires-Dist: ((?:(?!extra ==).)+)$", metadata, re.M)
    needed = {re.split("[^a-z]", line)[0] for line in required}
    assert needed == {"numpy", "scipy"}, f"run-time dependencies: expected numpy and scipy, got {required}"


def main(tree, dist):
    tree_files = files_of(Path(tree))
    sdist, wheel = only(Path(dist), "*.tar.gz"), only(Path(dist), "*.whl")
    check_sdist(sdist, tree_files)
    check_wheel(wheel, tree_files)
    for path in (sdist, wheel):
        print(f"{path.name}: contents as expected, {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
