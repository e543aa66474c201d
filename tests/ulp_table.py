"""Largest error of each activation's value and derivative, in ulp.

    python tests/ulp_table.py
"""

import numpy as np
from oracles_activations import errors, oracles, reference

from fastjac.kernels import dispatch


def activate(build, name, h, parameters=(), in_place=False):
    """Value and derivative of `name` at h, by the kernels of one build."""
    kernels = dispatch.load(build)
    rows = np.zeros((max(1, len(parameters)), h.size), h.dtype)
    for row, parameter in zip(rows, parameters):
        row[:] = parameter
    h = h.copy()
    a = h if in_place else np.full_like(h, np.nan)
    d = np.full_like(h, np.nan)
    kernels.activate(kernels.activations.index(name), h, rows, a, d)
    return a, d


def largest_errors(build, name, dtype, parameters=None):
    """(error, point) of the value and of the derivative where they are largest."""
    x, f, slope = reference(name, dtype, parameters)
    a, d = activate(build, name, x, oracles()[name].parameters if parameters is None else parameters)
    return tuple((float(e.max()), float(x[e.argmax()])) for e in (errors(a, f), errors(d, slope)))


def main():
    heads = (f"{build} {dtype}" for build in dispatch.available() for dtype in ("f64", "f32"))
    print(f"{'activation':17}" + "".join(f"{head:>16}" for head in heads))
    for name in oracles():
        cells = []
        for build in dispatch.available():
            for dtype in (np.float64, np.float32):
                (value, _), (slope, _) = largest_errors(build, name, dtype)
                cells.append(f"{value:8.2f}{slope:8.2f}")
        print(f"{name:17}" + "".join(cells))


if __name__ == "__main__":
    main()
