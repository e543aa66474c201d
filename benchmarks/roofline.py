"""The roofline of this core, and where batches lie under it.

    python benchmarks/roofline.py [--quick] [--json FILE] [--plot FILE.svg]

Measures, in turns and on one core: the peak of multiply-adds on registers (peak.c); the bandwidth of
a = b + s c (bandwidth.c) with arrays in the L2 cache, in the L3 cache and in memory; and value and Jacobian of
batches into memory of the caller. Operations are additions and multiplications without the activations, bytes
those of x, y, J and of the weights once for each tile.
"""

import argparse
import ctypes
import json
from functools import partial
from math import log10
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from peers.case import make_case
from peers.compiler import compile
from peers.machine import describe, pin
from peers.peak import Peak, n_operations
from peers.targets import WORDS
from peers.timing import check, medians

import fastjac as fj
from fastjac import _svg

SOURCE = Path(__file__).with_name("bandwidth.c")
LEVELS = {"L2": 2**19, "L3": 2**23, "memory": 2**28}  # bytes of the three arrays together
NETWORKS = ("tiny", "small", "acas", "med", "cosmo", "autoencoder")

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 64, 200, 78, 52


class Triad:
    """a = b + s c with arrays that together have so many bytes."""

    def __init__(self, nbytes, folder):
        n = nbytes // 24
        self.arrays = [np.ones(n) for _ in range(3)]
        function = ctypes.CDLL(str(compile(SOURCE.read_text(), ".c", folder))).triad
        function.restype = ctypes.c_double
        numbers = ctypes.c_long(n), ctypes.c_long(max(1, 2**21 // n)), ctypes.c_double(0.5)
        self.call = partial(function, *numbers, *(ctypes.c_void_p(array.ctypes.data) for array in self.arrays))
        self.nbytes = self.call()


def moved_nbytes(net, n_points):
    """Bytes of x, y and J, and of the weights that value pass and steps read for each tile."""
    plan = net.plan(n_points)
    weights = sum(layer.W.size for layer in net.layers)
    for step in plan.steps:
        if step.kind in ("reverse", "forward", "form"):
            weights += (step.n_inner or step.n_rows) * step.n_cols
    results = n_points * (net.n_in + net.n_out + net.n_in * net.n_out)
    return net.dtype.itemsize * (results + weights * -(-n_points // plan.n_points_per_tile))


def measure(quick):
    """{"machine", "peak_gflops", "bandwidths": {level: GB/s}, "points": [{"words", "intensity", "gflops"}]}."""
    how = {"n_rounds": 3, "budget": 1e-3} if quick else {"n_rounds": 21, "budget": 5e-3}
    record = {"machine": describe(), "points": []}
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        peak, triads = Peak("float64", folder), [Triad(nbytes, folder) for nbytes in LEVELS.values()]
        loop, *times = medians([peak.call, *(triad.call for triad in triads)], **how)
        record["peak_gflops"] = peak.n_operations / loop / 1e9
        record["bandwidths"] = {
            level: triad.nbytes / time / 1e9 for level, triad, time in zip(LEVELS, triads, times)
        }
        for network in NETWORKS:
            case = make_case(network, True, "float64", folder, n_points_at_most=20 if quick else None)
            net, n_points = fj.Network(case.layers), len(case.x)
            call = partial(net.value_and_jacobian, case.x, out=case.empty())
            check(call(), case)
            ours, loop = medians([call, peak.call], **how)
            operations = n_operations(net, n_points)
            record["points"].append({
                "words": WORDS[network],
                "n_points": n_points,
                "tile": net.plan(n_points).n_points_per_tile,
                "intensity": operations / moved_nbytes(net, n_points),
                "gflops": operations / ours / 1e9,
                "share": operations / ours / (peak.n_operations / loop),
            })
    return record


def draw(record):
    """The roofline as SVG, both axes logarithmic."""
    peak, bandwidths = record["peak_gflops"], record["bandwidths"]
    low, high, bottom, top = 0.5, 64, 10, 1.1 * peak

    def place(intensity, gflops):
        x = LEFT + (WIDTH - LEFT - RIGHT) * log10(intensity / low) / log10(high / low)
        return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * log10(gflops / bottom) / log10(top / bottom)

    title = f"Roofline of one core, float64: {record['machine']['cpu']}"
    marks = [
        _svg.label(WIDTH / 2, 28, title, size=15, cls="fj-ink"),
        _svg.label(WIDTH / 2, 45, "value and Jacobian of batches, activations included in the time only"),
        _svg.label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "operations per byte of x, y, J and a tile's weights"),
        _svg.label(LEFT, TOP - 8, "GF/s", anchor="end"),
    ]
    for value in (10, 20, 50, 100):
        x, y = place(low, value)
        marks += [_svg.path("fj-thin", f"M{x:.1f} {y:.1f}H{WIDTH - RIGHT}", stroke_width=0.6),
                  _svg.label(x - 8, y + 4, str(value), anchor="end")]
    for value in (0.5, 1, 2, 4, 8, 16, 32, 64):
        x, y = place(value, bottom)
        marks.append(_svg.label(x, y + 18, str(value)))
    for level, bandwidth in bandwidths.items():
        start = max(low, bottom / bandwidth)
        (x0, y0), (x1, y1) = place(start, start * bandwidth), place(peak / bandwidth, peak)
        if peak / bandwidth > low:
            marks += [_svg.path("fj-line", f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", stroke_width=1.4),
                      _svg.label(x0 + 10, y0 + 9, f"{level}, {bandwidth:.0f} GB/s", anchor="start")]
    x0, y0 = place(max(low, peak / max(bandwidths.values())), peak)
    marks += [_svg.path("fj-line", f"M{x0:.1f} {y0:.1f}H{WIDTH - RIGHT}", stroke_width=1.4),
              _svg.label(WIDTH - RIGHT + 6, y0 + 4, f"peak, {peak:.0f} GF/s", anchor="start", cls="fj-ink")]
    for number, point in enumerate(record["points"], 1):
        x, y = place(point["intensity"], point["gflops"])
        legend = f"{number}  {point['words']}"
        marks += [_svg.rect("fj-affine", x - 8, y - 8, 16, 16, 8),
                  _svg.label(x, y + 4, str(number), cls="fj-ink"),
                  _svg.label(WIDTH - RIGHT + 6, y0 + 24 + 20 * number, legend, anchor="start", cls="fj-ink")]
    description = "; ".join(
        f"{p['words']} {p['intensity']:.3g} per byte, {p['gflops']:.3g} GF/s" for p in record["points"])
    return _svg.document(WIDTH, HEIGHT, title, description, marks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the roofline")
    options = parser.parse_args()
    pin()
    record = measure(options.quick)
    print(", ".join(record["machine"].values()))
    print(f"peak {record['peak_gflops']:.1f} GF/s, L2 {{L2:.1f}}, L3 {{L3:.1f}}, memory {{memory:.1f}} GB/s".format(
        **record["bandwidths"]))
    print(f"{'batch':<26} {'points':>7} {'tile':>5} {'per byte':>9} {'GF/s':>7} {'of peak':>8}")
    for p in record["points"]:
        print(f"{p['words']:<26} {p['n_points']:>7,} {p['tile']:>5} {p['intensity']:>9.3g} {p['gflops']:>7.1f} "
              f"{p['share']:>8.1%}")
    if options.json:
        options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    if options.plot:
        options.plot.write_text(draw(record), encoding="utf-8")


if __name__ == "__main__":
    main()
