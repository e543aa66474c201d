"""Gauss points per second through C, Cython, numba and Python, one core, results compared first.

    python examples/gauss_points/run.py [--points 1000000] [--peak GFLOPS]

Needs a C compiler; Cython (with setuptools) and numba are used where they are installed.
"""

import argparse
import ctypes
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import fastjac as fj

HERE = Path(__file__).parent
WIDTHS = (6, 32, 32, 6)


def make_law(seed=0):
    """A network of the shape of a constitutive law: six strains to six stresses."""
    random = np.random.default_rng(seed)
    shapes = list(zip(WIDTHS, WIDTHS[1:], strict=False))
    return fj.Network([
        (random.normal(size=shape) / np.sqrt(shape[0]), 0.1 * random.normal(size=shape[1]), activation)
        for shape, activation in zip(shapes, ("silu", "silu", "identity"), strict=True)
    ])


def build_c(folder):
    """The shared library of gauss_points.c."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    library = Path(folder) / "gauss_points.so"
    subprocess.run([compiler, "-std=c99", "-O2", "-fPIC", "-shared", "-I", fj.get_include(),
                    HERE / "gauss_points.c", "-o", library], check=True)
    return ctypes.CDLL(str(library))


def in_c(library, name="gauss_points"):
    """A function of the library with the interface of the others; it writes J by columns."""
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, *[ctypes.c_void_p] * 3]

    def run(net, strain, stress, tangent):
        status = function(net.ctypes.handle, len(strain), strain.ctypes, stress.ctypes, tangent.ctypes)
        if status != 0:
            raise RuntimeError(f"gauss_points.c: status {status}")

    return run


def build_cython(folder):
    """The module that setup.py builds from a copy of the source."""
    for name in ("setup.py", "gauss_points_cython.pyx"):
        shutil.copy(HERE / name, folder)
    subprocess.run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, check=True)
    sys.path.insert(0, str(folder))
    try:
        import gauss_points_cython
    finally:
        sys.path.remove(str(folder))
    return gauss_points_cython


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--peak", type=float, help="of one core, in 10⁹ multiply-adds per second times two")
    options = parser.parse_args()
    net = make_law()
    strain = 0.1 * np.random.default_rng(1).normal(size=(options.points, 6))
    with tempfile.TemporaryDirectory() as folder:
        library = build_c(folder)
        hosts = {
            "C, point by point": in_c(library),
            "C, all points in one call": in_c(library, "gauss_points_together"),
        }
        if find_spec("Cython") and find_spec("setuptools"):
            hosts["Cython, point by point"] = build_cython(folder).gauss_points
        if find_spec("numba"):
            sys.path.insert(0, str(HERE))
            from gauss_points_numba import gauss_points

            loop = gauss_points(net)
            hosts["numba, point by point"] = lambda net, *arrays: loop(*arrays)
        hosts["Python, all points in one call"] = lambda net, strain, *out: net.value_and_jacobian(strain, out=out)

        stress, tangent = np.empty_like(strain), np.empty((len(strain), 6, 6))
        expected = net.value_and_jacobian(strain)
        for name, host in hosts.items():
            host(net, strain, stress, tangent)
            J = tangent.swapaxes(1, 2) if name.startswith("C,") else tangent
            if not (np.array_equal(stress, expected[0]) and np.array_equal(J, expected[1])):
                raise RuntimeError(f"{name}: other numbers than in Python")
            stress[:], tangent[:] = 0, 0
        seconds = {name: [] for name in hosts}
        for _ in range(5):
            for name, host in hosts.items():
                start = time.perf_counter()
                host(net, strain, stress, tangent)
                seconds[name].append(time.perf_counter() - start)

    multiply_adds = net.plan(2).multiply_adds + sum(layer.W.size for layer in net.layers)
    print(f"{'-'.join(map(str, WIDTHS))}, {options.points:,} points, {multiply_adds:,} multiply-adds each, one core")
    for name, times in seconds.items():
        rate = options.points / statistics.median(times)
        share = f"  {2e-9 * multiply_adds * rate / options.peak:5.0%} of peak" if options.peak else ""
        print(f"  {name:<32} {rate / 1e6:6.2f} million points per second{share}")


if __name__ == "__main__":
    main()
