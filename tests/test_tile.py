"""The register tile by itself: plain loops, for compilers without vector types, give the same bits."""

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fastjac.kernels import dispatch

KERNELS = Path(__file__).parents[1] / "fastjac" / "kernels"
COMPILER = shutil.which("gcc") or shutil.which("clang")
K = 40  # rows of the panels
SOURCE = f"""
#include "tiles.h"
int n_tile_rows = FJ_TILE_ROWS, few_rows = FJ_FEW_ROWS, most_sums = FJ_MOST_SUMS, vector_nbytes = FJ_VECTOR_NBYTES;
#define DOORS(type, real) \\
    void tile_##type(int n_rows, int w0, int w1, int w2, int stop, const int *index, const real *A, const real *B, \\
                     const real *init, int add, const real *const *scale, real *C, int n_last_lanes) \\
    {{ \\
        fj_any_tile_##type(n_rows, w0, w1, w2, 0, stop, index, A, {K}, 1, \\
                           B, 0, {K} * FJ_VECTOR_NBYTES / sizeof(real), init, add, scale, 0, \\
                           C, 9 * FJ_VECTOR_NBYTES / sizeof(real), n_last_lanes); \\
    }} \\
    int list_##type(const real *d, int n, int *index) {{ return (int)fj_list_nonzero_##type(d, n, index); }} \\
    void form_##type(const real *A, const real *rows, const real *columns, real *out, int n_last_lanes) \\
    {{ \\
        fj_form_##type(5, 2, A, {K}, rows, columns, out, {K}, n_last_lanes); \\
    }}
DOORS(f64, double)
DOORS(f32, float)
"""

pytestmark = [
    pytest.mark.skipif(not KERNELS.is_dir(), reason="needs the sources beside the tests"),
    pytest.mark.skipif(COMPILER is None, reason="needs GCC or Clang"),
]


@pytest.fixture(scope="module", params=[build for build in dispatch.available() if build != "baseline"])
def libraries(request, tmp_path_factory):
    """The tile with vector types, and with plain loops."""
    folder = tmp_path_factory.mktemp("tile")
    (folder / "tile.c").write_text(SOURCE)
    for name, flags in (("vectors", []), ("plain", ["-DFJ_PLAIN_LOOPS"])):
        subprocess.run(
            [COMPILER, "-std=c11", "-O0", "-ffp-contract=off", f"-march=x86-64-{request.param}", *flags, "-shared",
             "-fPIC", f"-I{KERNELS}", "tile.c", "-o", f"{name}.so", "-lm"], cwd=folder, check=True)
    return [ctypes.CDLL(str(folder / f"{name}.so")) for name in ("vectors", "plain")]


def constant(library, name):
    return ctypes.c_int.in_dll(library, name).value


def address(array):
    return ctypes.c_void_p(array.ctypes.data) if array is not None else None


def shapes(library):
    """Rows and widths of panels that a product asks for."""
    for rows in range(1, constant(library, "n_tile_rows") + 1):
        for w0 in (1, 2, 3):
            yield rows, w0, 0, 0
    for rows, (w0, w1) in itertools.product(range(1, constant(library, "few_rows") + 1), [(2, 2), (2, 3), (3, 3)]):
        if rows * (w0 + w1) <= constant(library, "most_sums"):
            yield rows, w0, w1, 0
    for widths in ((2, 2, 3), (2, 3, 3), (3, 3, 3)):
        yield 1, *widths


@pytest.mark.parametrize("sparse", [False, True], ids=["all", "index"])
def test_tile_of_plain_loops(libraries, dtype, sparse):
    random = np.random.default_rng(0)
    lanes = constant(libraries[0], "vector_nbytes") // dtype.itemsize
    A, B, init, d = (random.normal(size=n).astype(dtype) for n in (8 * K, 9 * lanes * K, 9 * lanes, 9 * lanes))
    index = np.flatnonzero(random.random(K) < 0.5).astype(np.int32)
    scales = np.full(8, d.ctypes.data, np.uintp)
    for (rows, *widths), add, n_last in itertools.product(shapes(libraries[0]), (0, 1), (1, lanes - 1, lanes)):
        results = []
        for library in libraries:
            C = np.arange(8 * 9 * lanes, dtype=dtype)
            getattr(library, f"tile_f{8 * dtype.itemsize}")(
                rows, *widths, len(index) if sparse else K, address(index if sparse else None), address(A), address(B),
                address(init), add, address(scales if add else None), address(C), n_last)
            results.append(C.tobytes())
        assert results[0] == results[1], (rows, widths, add, n_last)


def test_list_and_form_of_plain_loops(libraries, dtype):
    random = np.random.default_rng(1)
    lanes, suffix = constant(libraries[0], "vector_nbytes") // dtype.itemsize, f"f{8 * dtype.itemsize}"
    A, d = random.normal(size=5 * K).astype(dtype), random.normal(size=K).astype(dtype)
    d[random.random(K) < 0.5] = 0
    d[7] = np.nan
    for n in (1, lanes - 1, lanes, K):
        for library in libraries:
            index = np.zeros(K + 16, np.int32)
            n_found = getattr(library, f"list_{suffix}")(address(d), n, address(index))
            assert np.array_equal(index[:n_found], np.flatnonzero(d[:n]))
    for rows, columns, n_last in itertools.product((None, A), (None, d), (1, lanes)):
        results = []
        for library in libraries:
            out = np.zeros(5 * K, dtype)
            getattr(library, f"form_{suffix}")(address(A), address(rows), address(columns), address(out), n_last)
            results.append(out.tobytes())
        assert results[0] == results[1]
