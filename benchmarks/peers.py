"""fastjac beside other routes to the value and the Jacobian of a network, in one run on one core.

    pip install -r benchmarks/requirements-peers.txt      # each is optional
    python tests/real/fetch.py                            # optional: trained networks from other packages
    python benchmarks/peers.py [--quick] [--networks tiny,small] [--peers jax,numpy] [--dtype float64]
                               [--json FILE] [--plot FOLDER]

Prints, for one point and for a batch of each network, microseconds per point (medians of alternating rounds,
in the process's own time), how many times fastjac's time that is, and for one point the 50th and 99th
percentile of single calls; then the share of the core's peak that batches reach, and the targets of
peers/targets.py beside what the run measured. Every result is held against textbook formulas in float64 first,
within 1e-10 (float64) or 2e-4 (float32) of the largest entry. A peer with several ways (forward, reverse, ...)
takes part with its fastest, which is named; a peer or network that is not installed or cannot do it is named
as absent. All run on one core; two workers alone get all cores that the process was started with.
Exit code 1: the result of a peer was wrong.
"""

import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
CORES = set()
if hasattr(os, "sched_setaffinity"):
    CORES = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(CORES)})

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from peers import PEERS, Absent, targets  # noqa: E402
from peers.case import NETWORKS, PEAK_NETWORKS, make_case  # noqa: E402
from peers.machine import describe  # noqa: E402
from peers.peak import shares  # noqa: E402
from peers.plot import write_plots  # noqa: E402
from peers.timing import compare  # noqa: E402

import fastjac as fj  # noqa: E402

QUICK_POINTS = 20
HEADER = f"  {'peer':<14} {'variant':<14} {'us/point':>11} {'x fastjac':>10} {'p50 us':>10} {'p99 us':>10}"


def names_of(known):
    def names(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, got {', '.join(unknown)}")
        return chosen

    return names


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", type=names_of(NETWORKS), default=list(NETWORKS), help=", ".join(NETWORKS))
    parser.add_argument("--peers", type=names_of(PEERS), default=list(PEERS), help=", ".join(PEERS))
    parser.add_argument("--dtype", choices=("float64", "float32"), help="one of them only")
    parser.add_argument("--quick", action="store_true", help="few rounds and small batches: figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="write bar charts there, as SVG")
    return parser.parse_args(arguments)


def print_rows(rows):
    for row in rows:
        line = f"  {row['peer']:<14} {row['variant']:<14} {row['us']:>11.4g} {row['ratio']:>10.2f}"
        print(line + (f" {row['p50']:>10.4g} {row['p99']:>10.4g}" if "p50" in row else ""))


def run_case(network, case, peers, how):
    """Time one case and print its part of the table."""
    rows, absent, wrong = compare(peers, case, **how)
    n_points = case.x.size // case.n_in
    us = next(row["us"] for row in rows if row["peer"] == "fastjac")
    for row in rows:
        row.update(network=network, words=case.description, dtype=case.dtype.name, n_points=n_points)
        row.update(ratio=row["us"] / us, us=row["us"] / n_points)
    print(f"\n{network} {case.description}, {case.dtype}, {n_points:,} point{'s' * (n_points > 1)}")
    print(HEADER)
    print_rows(rows)
    for name, reason in absent.items():
        print(f"  {name:<14} absent: {reason}")
    sys.stdout.flush()
    return rows, absent, wrong


def run_peak(dtype, folder, how, quick):
    rows = []
    print(f"\nshare of the core's peak, {dtype}, results into memory of the caller")
    try:
        for name in PEAK_NETWORKS:
            batch = make_case(name, True, dtype, folder, PEAK_NETWORKS, QUICK_POINTS if quick else None)
            row = {"network": name, "dtype": dtype, "n_points": len(batch.x), **shares(batch, **how)}
            rows.append(row)
            print(f"  {name:<14} {row['n_points']:>7,} points {row['gflops']:>9.1f} of {row['peak_gflops']:.1f} GF/s "
                  f"{100 * row['share']:>6.1f} %")
    except Absent as reason:
        print(f"  not measured: {reason}")
    return rows


def run_targets(record, folder, how, quick):
    """Print each target and what was measured; those of peers or networks that took no part are left out."""
    rows = [
        *targets.against_peers(record["rows"]),
        *targets.share_of_peak(record["peak"]),
        *targets.against_itself(CORES, folder, how, quick),
    ]
    print("\ntargets, float64 unless said")
    print(f"  {'':<4} {'work':<50} {'against':<28} {'target':>10} {'measured':>10}")
    for row in rows:
        print(f"  {'' if row['reached'] else 'miss':<4} {row['work']:<50} {row['against']:<28} "
              f"{row['target']:>8.4g} {row['unit']:<2} {row['measured']:>7.3g} {row['unit']}")
    if len(CORES) < 2:
        print("  two workers: not measured, the process has one core")
    return rows


def run_network(network, dtype, peers, folder, how, quick, record):
    """One point and a batch of a network; whether all results were right."""
    all_right = True
    for batch in (False, True):
        here = {"network": network, "dtype": dtype}
        try:
            case = make_case(network, batch, dtype, folder, n_points_at_most=QUICK_POINTS if quick else None)
        except Absent as reason:
            print(f"\n{network}, {dtype}: absent: {reason}")
            record["absent"].append({**here, "reason": str(reason)})
            break
        rows, absent, wrong = run_case(network, case, peers, how)
        here["n_points"] = case.x.size // case.n_in
        record["rows"] += rows
        record["absent"] += [{**here, "peer": name, "reason": reason} for name, reason in absent.items()]
        all_right &= not wrong
    return all_right


def main(arguments=None):
    options = parse(arguments)
    peers = ["fastjac", *(name for name in options.peers if name != "fastjac")]
    how = {"n_rounds": 3, "budget": 1e-3} if options.quick else {"n_rounds": 41, "budget": 4e-3}
    record = {"machine": describe(), "config": fj.show_config("dict"), "rows": [], "absent": [], "peak": []}
    print(", ".join(record["machine"].values()))
    all_right = True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for dtype in [options.dtype] if options.dtype else ["float64", "float32"]:
            for network in options.networks:
                all_right &= run_network(network, dtype, peers, folder, how, options.quick, record)
            record["peak"] += run_peak(dtype, folder, how, options.quick)
        record["targets"] = run_targets(record, folder, how, options.quick)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    if options.plot:
        write_plots(options.plot, record["rows"])
    return int(not all_right)


if __name__ == "__main__":
    sys.exit(main())
