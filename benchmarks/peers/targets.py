"""What a release should reach on one core with AVX-512, and what this run measured."""

import os
from functools import partial
from time import perf_counter

import numpy as np

import fastjac as fj
from fastjac.kernels import dispatch
from peers.case import make_case
from peers.timing import medians

WORDS = {
    "tiny": "4-32-32-2 tanh",
    "small": "8-64-64-8 tanh",
    "acas": "5-50×6-5 relu",
    "med": "64-256-256-64 tanh",
    "cosmo": "6-512×4-420 tanh",
    "autoencoder": "784-256-64-256-784 relu",
}
PEERS = {"jax": "JAX, jit, the better mode", "casadi-c": "CasADi, generated C", "eigen": "C++ with Eigen's fixed sizes"}

# Half a gigabyte of results in fresh memory measures the memory of the machine: ours go where they went before.
INTO_OUT = ("autoencoder", True)

TIMES = [  # network, batch or one point, peer, times as fast
    ("tiny", False, "jax", 20),
    ("small", False, "jax", 9),
    ("small", False, "casadi-c", 4),
    ("acas", False, "jax", 8),
    ("acas", False, "casadi-c", 10),
    ("tiny", False, "eigen", 1.5),
    ("small", False, "eigen", 2),
    ("tiny", True, "jax", 1.5),
    ("small", True, "jax", 4),
    ("acas", True, "jax", 4),
    ("med", True, "jax", 1.1),
    ("cosmo", True, "jax", 1.1),
    ("autoencoder", False, "jax", 3),
    ("autoencoder", True, "jax", 3),
]
SHARES = {"8-64-64-8": 0.65, "16-128-128-16": 0.72, "64-256-256-64": 0.78, "64-512-512-64": 0.80}
AVX2_NETWORKS = ("tiny", "small", "acas", "med")  # batches, at least 45 % of the speed of AVX-512
N_POINTS_OF_WORKERS = 10_000
CALL_OVERHEAD = 0.3  # microseconds, at most


def points(n):
    return "one point" if n == 1 else f"{n:,} points"


def row(work, against, target, measured, unit="×"):
    reached = measured <= target if unit == "µs" else measured >= target
    return {"work": work, "against": against, "target": target, "measured": measured, "unit": unit,
            "reached": bool(reached)}


def against_peers(rows):
    """Of those networks and peers that took part."""
    found = {(row["network"], row["n_points"] > 1, row["peer"]): row for row in rows if row["dtype"] == "float64"}
    for network, batch, peer, times in TIMES:
        ours = "fastjac-out" if (network, batch) == INTO_OUT else "fastjac"
        one, own = found.get((network, batch, peer)), found.get((network, batch, ours))
        if one and own:
            work = f"{WORDS[network]}, {points(one['n_points'])}" + (", out=" if ours == "fastjac-out" else "")
            yield row(work, PEERS[peer], times, one["us"] / own["us"])


def share_of_peak(rows):
    for one in rows:
        if one["dtype"] == "float64":
            work = f"{one['network']} tanh, {points(one['n_points'])}"
            yield row(work, "the core's peak", 100 * SHARES[one["network"]], 100 * one["share"], "%")


def against_itself(cores, folder, how, quick):
    """Ratios of two ways of fastjac; `cores` are those that the process may use for threads."""
    case_of = partial(make_case, folder=folder, n_points_at_most=20 if quick else None)
    for name in ("tiny", "small"):
        single, double = (call_of(case_of(name, False, dtype)) for dtype in ("float32", "float64"))
        ours, other = medians([single, double], **how)
        yield row(f"{WORDS[name]}, one point, float32", "float64", 1, other / ours)
    for batch in (False, True):
        case = case_of("autoencoder", batch, "float64")
        ours, *others = medians([call_of(case, order=order) for order in ("auto", "forward", "reverse")], **how)
        work = f"{WORDS['autoencoder']}, {points(case.x.size // case.n_in)}"
        yield row(work, "the better pure sweep", 2, min(others) / ours)
    case = case_of("small", True, "float64")
    if len(cores) > 1:
        call = call_of(case)
        pinned = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        both, one = medians([partial(call, workers=2), call], **how, clock=perf_counter)
        os.sched_setaffinity(0, pinned)
        yield row(f"{WORDS['small']}, {points(len(case.x))}, 2 workers", "1 worker", 1.85, one / both)
    yield row("call of a 1-1 network, value and J", "its kernel", CALL_OVERHEAD, call_overhead(how), "µs")
    if {"v3", "v4"} <= set(dispatch.available()):
        for name in AVX2_NETWORKS:
            case = case_of(name, True, "float64")
            avx2, avx512 = medians([call_of(case, simd) for simd in ("v3", "v4")], **how)
            yield row(f"{WORDS[name]}, {points(len(case.x))}, AVX2", "AVX-512", 45, 100 * avx512 / avx2, "%")


def call_of(case, simd=None, **options):
    """Value and Jacobian of a case by a build of the kernels; a batch into memory of the caller."""
    selected = dispatch.simd_level()
    dispatch.select(simd or selected)
    net = fj.Network(case.layers, **options)
    dispatch.select(selected)
    out = case.empty() if case.x.ndim == 2 else None
    return partial(net.value_and_jacobian, case.x, out=out)


def call_overhead(how, n_points=100):
    """Microseconds of one point of a network with one weight, less those of one more point in a call."""
    net = fj.Network([([[0.5]], [0.1], "identity")])
    one, many = medians([partial(net.value_and_jacobian, np.ones((n, 1))) for n in (1, n_points)], **how)
    return 1e6 * (one - (many - one) / (n_points - 1))
