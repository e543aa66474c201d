"""Calls checked, then timed in turns.

Blocks of calls are timed in seconds of the process, which other processes on the core do not inflate; single
calls by the wall clock.
"""

import gc
from itertools import repeat
from statistics import median
from time import get_clock_info, perf_counter, process_time

import numpy as np

from peers import PEERS, Absent, find

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}  # largest error of y and of J, relative to their largest entry
N_SAMPLES = 500  # single calls that are timed, in each round
clock = process_time if get_clock_info("process_time").resolution < 1e-5 else perf_counter


class WrongResult(Exception):
    """A peer's result differs from the reference by more than the tolerance."""


def check(results, case):
    """Hold (y, J) against the case's reference."""
    for name, result, expected in zip("yJ", results, case.reference):
        result = np.asarray(result)
        if result.shape != expected.shape or result.dtype != case.dtype:
            raise WrongResult(f"{name}: expected {expected.shape} {case.dtype}, got {result.shape} {result.dtype}")
        error = np.max(np.abs(result - expected)) / np.max(np.abs(expected))
        allowed = TOLERANCE[case.dtype.name]
        if not error <= allowed:
            raise WrongResult(f"{name}: expected a relative error of at most {allowed:g}, got {error:.1e}")


def seconds(call, n_calls, clock=clock):
    """Seconds of one of n calls in a row."""
    start = clock()
    if hasattr(call, "repeat"):
        call.repeat(n_calls)
    else:
        for _ in repeat(None, n_calls):
            call()
    return (clock() - start) / n_calls


def samples(call, n_calls):
    """Seconds of each of n calls, with the clock's own time."""
    if hasattr(call, "samples"):
        return call.samples(n_calls)
    times = np.empty(n_calls)
    for i in range(n_calls):
        start = perf_counter()
        call()
        times[i] = perf_counter() - start
    return times


def count(call, budget, clock=clock):
    """Calls that fill the budget, and seconds of one."""
    n_calls = 1
    while (one := seconds(call, n_calls, clock)) * n_calls < budget / 4:
        n_calls *= 2
    one = min(one, seconds(call, n_calls, clock), seconds(call, n_calls, clock))
    return max(1, round(budget / one)), one


def medians(calls, n_rounds, budget, clock=clock):
    """Median seconds of each call; they take turns, each filling the budget in its turn."""
    counts = [count(call, budget, clock)[0] for call in calls]
    rounds = [[seconds(call, n_calls, clock) for call, n_calls in zip(calls, counts)] for _ in range(n_rounds)]
    return [median(column) for column in zip(*rounds)]


def choose(name, case, budget):
    """The peer's fastest variant whose result is right: its name, the call, its number in a round, its seconds."""
    variants, failures = {}, []
    for variant, call in find(name)(case).items():
        try:
            check(call(), case)
        except WrongResult:
            raise
        except Exception as error:  # whatever a foreign compiler throws; the peer is named as absent
            failures.append(f"{variant}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}")
            continue
        n_calls, one = count(call, budget)
        variants[one] = variant, call, n_calls, one
    if not variants:
        raise Absent("; ".join(failures))
    return variants[min(variants)]


def compare(names, case, n_rounds, budget):
    """Rows of the table for one case, {peer: why it has no row}, and the peers whose result is wrong.

    Each of n_rounds gives each peer's calls `budget` seconds; where one call takes longer, rounds are fewer.
    """
    chosen, absent, wrong = {}, {}, []
    for name in names:
        try:
            chosen[name] = choose(name, case, budget)
        except Absent as reason:
            absent[name] = str(reason)
        except WrongResult as reason:
            if PEERS[name][0] == "fastjac":
                raise
            absent[name] = f"not timed, its result is wrong: {reason}"
            wrong.append(name)
    planned = n_rounds * len(chosen) * budget
    n_rounds = min(n_rounds, max(5, round(planned / sum(n_calls * one for _, _, n_calls, one in chosen.values()))))
    blocks, single = ({name: [] for name in chosen} for _ in range(2))
    order = list(chosen)
    gc.collect()
    gc.disable()
    for _ in range(n_rounds):
        for name in order:
            call, n_calls, _ = chosen[name][1:]
            blocks[name].append(seconds(call, n_calls))
            if case.x.ndim == 1:
                single[name].append(samples(call, min(n_calls, N_SAMPLES)))
        order.append(order.pop(0))
    gc.enable()
    rows = []
    for name, (variant, *_) in chosen.items():
        row = {"peer": name, "variant": variant, "us": 1e6 * median(blocks[name])}
        if single[name]:
            row["p50"], row["p99"] = 1e6 * np.percentile(np.concatenate(single[name]), (50, 99))
        rows.append(row)
    return rows, absent, wrong
