"""How a call spends its time, from differences of calls that do more and less.

    python benchmarks/spent.py [--quick] [--json FILE]

For one point, in microseconds: a call (the value of a 1-1 network: entry, checks, one result), the second
result (value and Jacobian of the 1-1 network less that), the activations (the value of a network that has all
units in one layer behind one input, less that of the same with identity), the value pass (the value less call and
activations) and the Jacobian (value and Jacobian less all of these).

For a batch, in microseconds per point: into memory of the caller; what its
multiply-adds take at the core's peak (peak.c, in the same run); the activations; the rest, which is forming and
scaling, edges of tiles, loads and stores; the part of it that comes from results that leave the caches (the
batch less the same number of points in calls of one tile); and what it adds to write into memory that the
system has just handed out and that was never touched.
"""

import argparse
import json
import mmap
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from peers.case import make_case
from peers.machine import describe, pin
from peers.peak import Peak, n_operations
from peers.targets import WORDS
from peers.timing import medians

import fastjac as fj

N_IN_CACHE = 100  # points whose units stay in the L2 cache
NETWORKS = ("tiny", "small", "acas", "med")
ONE = {"whole": "whole", "call": "call", "result": "second result", "value": "value pass",
       "activations": "activations", "jacobian": "Jacobian"}
BATCH = {"whole": "whole", "peak": "at the peak", "activations": "activations", "rest": "the rest",
         "stores": "of it, leaving the caches", "pages": "more in untouched memory"}


def units(case, n_points):
    """Calls with all hidden units in one layer behind one input: with their activation, and with identity."""
    n_units = sum(W.shape[1] for W, _, _ in case.layers[:-1])
    W, x = np.linspace(-2, 2, n_units)[None], np.ones((n_points, 1))
    y = np.zeros((n_points, n_units))
    return [partial(fj.Network([(W, None, name)]), x, out=y) for name in (case.layers[0][2], "identity")]


def one_point(case, how):
    net, trivial, x = fj.Network(case.layers), fj.Network([([[0.5]], [0.1], "identity")]), np.ones(1)
    whole, value, active, plain, pair, call = medians(
        [partial(net.value_and_jacobian, case.x), partial(net, case.x), *units(case, 1),
         partial(trivial.value_and_jacobian, x), partial(trivial, x)], **how)
    parts = {"whole": whole, "call": call, "result": pair - call, "value": value - call - (active - plain),
             "activations": active - plain, "jacobian": whole - value - (pair - call)}
    return {name: 1e6 * seconds for name, seconds in parts.items()}


def into_untouched(net, case):
    """Value and Jacobian into pages that the system has just handed out."""
    out = []
    for array in case.reference:
        memory = mmap.mmap(-1, array.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if array.nbytes >= 2**22 and hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)  # as NumPy asks for
        out.append(np.frombuffer(memory).reshape(array.shape))
    net.value_and_jacobian(case.x, out=tuple(out))


def batch(case, peak, how):
    net, n_points = fj.Network(case.layers), len(case.x)
    tile = min(n_points, net.plan(n_points).n_points_per_tile)
    trivial = fj.Network([([[0.5]], [0.1], "identity")])
    whole, untouched, active, plain, in_cache, call, loop = medians(
        [partial(net.value_and_jacobian, case.x, out=case.empty()), partial(into_untouched, net, case),
         *units(case, N_IN_CACHE),
         partial(net.value_and_jacobian, case.x[:tile].copy()), partial(trivial.value_and_jacobian, np.ones(1)),
         peak.call], **how)
    bound = n_operations(net, n_points) * loop / peak.n_operations
    activations = (active - plain) * n_points / N_IN_CACHE
    parts = {"whole": whole, "peak": bound, "activations": activations, "rest": whole - bound - activations,
             "stores": whole - (in_cache - call) * n_points / tile, "pages": untouched - whole}
    return {name: 1e6 * seconds / n_points for name, seconds in parts.items()}


def measure(quick):
    """{"machine", "one": [{"words", ...}], "batch": [{"words", "n_points", ...}]}."""
    how = {"n_rounds": 3, "budget": 1e-3} if quick else {"n_rounds": 31, "budget": 4e-3}
    record = {"machine": describe(), "one": [], "batch": []}
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        peak = Peak("float64", Path(name))
        for network in NETWORKS:
            one, many = (make_case(network, is_batch, "float64", Path(name), n_points_at_most=20 if quick else None)
                         for is_batch in (False, True))
            record["one"].append({"words": WORDS[network], **one_point(one, how)})
            record["batch"].append({"words": WORDS[network], "n_points": len(many.x), **batch(many, peak, how)})
    return record


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    options = parser.parse_args()
    pin()
    record = measure(options.quick)
    print(", ".join(record["machine"].values()))
    for part, columns in (("one", ONE), ("batch", BATCH)):
        print(f"\nmicroseconds {'of one point' if part == 'one' else 'per point of a batch'}")
        print(" " * 34 + "  ".join(f"{title:>12}" for title in columns.values()))
        for row in record[part]:
            words = row["words"] + (f", {row['n_points']:,}" if part == "batch" else "")
            print(f"{words:<34}" + "  ".join(f"{row[name]:>{max(12, len(columns[name]))}.4g}" for name in columns))
    if options.json:
        options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
