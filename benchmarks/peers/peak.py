"""The share of the core's peak that batches reach, activations included in the time and not in the count."""

import ctypes
from functools import partial
from pathlib import Path
from statistics import median

import fastjac as fj
from peers.compiler import compile
from peers.timing import check, count, seconds

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


def shares(case, n_rounds, budget):
    """Operations a second of value and Jacobian, written into memory of the caller, and of the peak loop."""
    net, peak = fj.Network(case.layers), Peak(case.dtype.name, case.folder)
    call = partial(net.value_and_jacobian, case.x, out=case.empty())
    check(call(), case)
    n_points = len(case.x)
    n_operations = 2 * n_points * (net.plan(n_points).multiply_adds + case.n_weights)
    calls = [(call, n_operations), (peak.call, peak.n_operations)]
    counts = [count(call, budget)[0] for call, _ in calls]
    rates = [
        [operations / seconds(call, n_calls) for (call, operations), n_calls in zip(calls, counts)]
        for _ in range(n_rounds)
    ]
    reached, available = (median(column) for column in zip(*rates))
    return {"gflops": reached / 1e9, "peak_gflops": available / 1e9, "share": reached / available}
