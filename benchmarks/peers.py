"""fastjac beside other routes to the value and the Jacobian of a network, in one run on one core.

    pip install -r benchmarks/requirements-peers.txt      # each is optional
    python benchmarks/peers.py [--quick] [--networks tiny,small] [--peers jax,numpy] [--dtype float64]
                               [--json FILE] [--plot FOLDER]

Prints, for one point and for a batch of each network, microseconds per point (medians of alternating rounds,
in the process's own time), how many times fastjac's time that is, and for one point the 50th and 99th
percentile of single calls; then the share of the core's peak that batches reach. Every result is held against
textbook formulas in float64 first, within 1e-10 (float64) or 2e-4 (float32) of the largest entry. A peer with
several ways (forward, reverse, ...) takes part with its fastest, which is named; a peer that is not installed
or cannot do it is named as absent. Exit code 1: the result of a peer was wrong.
"""

import os

for _name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from peers import PEERS, Absent  # noqa: E402
from peers.case import NETWORKS, PEAK_NETWORKS, Case, make_layers, make_points  # noqa: E402
from peers.peak import shares  # noqa: E402
from peers.plot import bars  # noqa: E402
from peers.timing import compare  # noqa: E402

import fastjac as fj  # noqa: E402

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


def make_cases(networks, known, dtype, folder, quick):
    """(name, case of one point, case of a batch)."""
    for name in networks:
        widths, activation, n_points = known[name]
        layers = make_layers(widths, activation, dtype)
        x = make_points(layers, min(n_points, 200) if quick else n_points, dtype)
        yield name, Case(layers, x[0].copy(), folder), Case(layers, x, folder)


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
        row.update(network=network, dtype=case.dtype.name, n_points=n_points, ratio=row["us"] / us)
        row["us"] /= n_points
    widths = "-".join(map(str, case.widths))
    print(f"\n{network} {widths} {case.activation}, {case.dtype}, {n_points:,} point{'s' * (n_points > 1)}")
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
        for name, _, batch in make_cases(PEAK_NETWORKS, PEAK_NETWORKS, dtype, folder, quick):
            row = {"network": name, "dtype": dtype, "n_points": len(batch.x), **shares(batch, **how)}
            rows.append(row)
            print(f"  {name:<14} {row['n_points']:>7,} points {row['gflops']:>9.1f} of {row['peak_gflops']:.1f} GF/s "
                  f"{100 * row['share']:>6.1f} %")
    except Absent as reason:
        print(f"  not measured: {reason}")
    return rows


def write_plots(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    for dtype in sorted({row["dtype"] for row in rows}):
        for stem, title, is_chosen in (("point", "One point", lambda n: n == 1), ("batch", "Batches", lambda n: n > 1)):
            chosen = [row for row in rows if row["dtype"] == dtype and is_chosen(row["n_points"])]
            picture = bars(chosen, f"{title}, value and Jacobian, {dtype}, one core")
            (folder / f"{stem}-{dtype}.svg").write_text(picture, encoding="utf-8")


def main(arguments=None):
    options = parse(arguments)
    peers = ["fastjac", *(name for name in options.peers if name != "fastjac")]
    how = {"n_rounds": 3, "budget": 1e-3} if options.quick else {"n_rounds": 41, "budget": 4e-3}
    record = {"config": fj.show_config("dict"), "rows": [], "absent": [], "peak": []}
    failed = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for dtype in [options.dtype] if options.dtype else ["float64", "float32"]:
            cases = make_cases(options.networks, NETWORKS, dtype, Path(folder), options.quick)
            for network, *pair in cases:
                for case in pair:
                    rows, absent, wrong = run_case(network, case, peers, how)
                    record["rows"] += rows
                    n_points = case.x.size // case.n_in
                    record["absent"] += [
                        {"peer": name, "network": network, "dtype": dtype, "n_points": n_points, "reason": reason}
                        for name, reason in absent.items()
                    ]
                    failed |= bool(wrong)
            record["peak"] += run_peak(dtype, Path(folder), how, options.quick)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    if options.plot:
        write_plots(options.plot, record["rows"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
