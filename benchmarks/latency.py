"""Latency of one point, value and Jacobian: from C, and by the Python method.

    python benchmarks/latency.py [--calls 1000000] [--json FILE]

In a row: the median over rounds of the mean of calls one after the other. Percentiles: calls timed one by one,
with the clock's own time, which is printed, inside. What lies beyond the 99.9th is mostly the system's doing:
interrupts, other processes.
"""

import argparse
import ctypes
import json
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from peers.case import make_case
from peers.compiler import compile
from peers.machine import describe, pin
from peers.timing import check

import fastjac as fj

SOURCE = Path(__file__).parent / "latency.c"
NETWORKS = ("tiny", "small", "acas")
N_ROUNDS = 15


def in_python(call, n_calls):
    """Mean nanoseconds of calls in a row, and of each of as many calls."""
    start = time.perf_counter_ns()
    for _ in range(n_calls):
        call()
    mean, each = (time.perf_counter_ns() - start) / n_calls, np.empty(n_calls)
    for i in range(n_calls):
        start = time.perf_counter_ns()
        call()
        each[i] = time.perf_counter_ns() - start
    return mean, each


def in_c(library, net, case, out, n_calls):
    """The same in C."""
    suffix, each = "f64" if case.dtype == "float64" else "f32", np.empty(n_calls)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (case.x, *out)]
    arguments = ctypes.c_void_p(net.ctypes.handle), ctypes.c_long(n_calls), *pointers
    in_a_row = getattr(library, f"in_a_row_{suffix}")
    in_a_row.restype = ctypes.c_double
    mean = in_a_row(*arguments)
    if getattr(library, f"samples_{suffix}")(*arguments, ctypes.c_void_p(each.ctypes.data)) != 0:
        raise RuntimeError("a call in C failed")
    check(out, case)
    return mean, each


def measure(library, name, dtype, n_calls, folder):
    """{host: nanoseconds} of one network."""
    case = make_case(name, False, dtype, folder)
    net, out = fj.Network(case.layers), case.empty()
    hosts = {
        "C": partial(in_c, library, net, case, out),
        "Python, out=": partial(in_python, partial(net.value_and_jacobian, case.x, out=out)),
        "Python": partial(in_python, partial(net.value_and_jacobian, case.x)),
    }
    rounds = {host: [] for host in hosts}
    for _ in range(N_ROUNDS):
        for host, run in hosts.items():
            rounds[host].append(run(max(1, n_calls // N_ROUNDS)))
    found = {}
    for host, results in rounds.items():
        each = np.concatenate([samples for _, samples in results])
        p50, p99, p999 = np.percentile(each, [50, 99, 99.9])
        found[host] = {"in a row": float(np.median([mean for mean, _ in results])), "p50": p50, "p99": p99,
                       "p99.9": p999, "largest": float(each.max())}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pin()
    with TemporaryDirectory() as folder:
        library = ctypes.CDLL(str(compile(SOURCE.read_text(), ".c", Path(folder), f"-I{fj.get_include()}")))
        library.clock_nanoseconds.restype = ctypes.c_double
        clock = library.clock_nanoseconds(ctypes.c_long(1_000_000))
        results = {f"{name} {dtype}": measure(library, name, dtype, options.calls, Path(folder))
                   for name in NETWORKS for dtype in ("float64", "float32")}
    print(*describe().values(), sep="\n")
    print(f"clock: {clock:.0f} ns\n")
    print(f"{'nanoseconds':<16}{'host':<14}" + "".join(f"{word:>10}" for word in next(iter(results.values()))["C"]))
    for name, hosts in results.items():
        for host, figures in hosts.items():
            print(f"{name:<16}{host:<14}" + "".join(f"{value:>10,.0f}" for value in figures.values()))
    if options.json:
        found = {"machine": describe(), "clock": clock, "results": results}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
