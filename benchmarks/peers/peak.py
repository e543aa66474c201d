"""The share of the core's peak that batches reach, activations included in the time and not in the count."""

import ctypes
from functools import partial
from pathlib import Path

import fastjac as fj
from peers.compiler import compile
from peers.timing import check, medians

SOURCE = Path(__file__).parents[1] / "peak.c"


class Peak:
    """A loop of multiply-adds on registers."""

    def __init__(self, dtype, folder, n_iterations=100_000):
        suffix, real = ("f64", ctypes.c_double) if dtype == "float64" else ("f32", ctypes.c_float)
        function = getattr(ctypes.CDLL(str(compile(SOURCE.read_text(), ".c", folder))), f"peak_{suffix}")
        function.restype = ctypes.c_double
        self.sink = real()
        self.call = partial(
            function, ctypes.c_long(n_iterations), real(0.999), real(1e-3), ctypes.byref(self.sink)
        )
        self.n_operations = self.call()


def n_operations(net, n_points):
    """Additions and multiplications of value and Jacobian, without the activations."""
    n_weights = sum(layer.W.size for layer in net.layers)
    return 2 * n_points * (net.plan(n_points).multiply_adds + n_weights)


def shares(case, n_rounds, budget):
    """Operations a second of value and Jacobian, written into memory of the caller, and of the peak loop."""
    net, peak = fj.Network(case.layers), Peak(case.dtype.name, case.folder)
    call = partial(net.value_and_jacobian, case.x, out=case.empty())
    check(call(), case)
    ours, loop = medians([call, peak.call], n_rounds, budget)
    reached, available = n_operations(net, len(case.x)) / ours, peak.n_operations / loop
    return {"gflops": reached / 1e9, "peak_gflops": available / 1e9, "share": reached / available}
