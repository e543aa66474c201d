"""Measure what the pages show and put it there: tables between marks, and pictures.

    python benchmarks/publish.py [--from FOLDER] [--quick]

Runs peers.py, roofline.py and spent.py, each in a process of its own, with figures in build/figures as JSON;
rewrites the tables of README.md and docs/performance.md that stand between ``<!-- figures: NAME -->`` and
``<!-- end -->``, and the charts in docs/charts. With --from, nothing is measured: the folder holds the JSON.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import roofline
import spent
from peers.plot import write_plots

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "build" / "figures"
PAGES = (ROOT / "README.md", ROOT / "docs" / "performance.md")
CHARTS = ROOT / "docs" / "charts"

COLUMNS = {  # of the README's table: network, whether a batch
    "4-32-32-2 tanh, one point": ("tiny", False),
    "8-64-64-8 tanh, one point": ("small", False),
    "8-64-64-8, 10,000 points": ("small", True),
    "5-50×6-5 relu, one point": ("acas", False),
    "64-256-256-64 tanh, 100 points": ("med", True),
}
PEERS = {
    "fastjac": "fastjac, Python call included",
    "eigen": "C++ with Eigen's fixed sizes, in a C++ loop",
    "eigen-fast": "the same with -ffast-math, tanh by exp",
    "casadi-c": "CasADi, generated C",
    "jax": "JAX, jit, the better mode",
    "numba": "numba by hand",
    "numpy": "NumPy by hand",
    "torch-compile": "torch.compile",
}


def number(value):
    """Three digits, or a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}" if abs(value) >= 1 else f"{value:.2f}"


def times(ratio):
    """Two digits, or a whole number."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def table(header, rows):
    """Markdown."""
    lines = (f"| {' | '.join(line)} |".replace("|  |", "| |") for line in [header, *rows])
    return "\n".join([next(lines), "|" + "---|" * len(header), *lines])


def machine(record):
    return ", ".join(record["machine"].values())


def peers_table(record):
    """Microseconds per point, float64; in brackets the multiple of fastjac's."""
    found = {(row["network"], row["n_points"] > 1, row["peer"]): row for row in record["rows"]
             if row["dtype"] == "float64"}
    lines = []
    for peer, words in PEERS.items():
        rows = [found.get((*column, peer)) for column in COLUMNS.values()]
        texts = ["–" if row is None else number(row["us"]) + ("" if peer == "fastjac" else f" ({times(row['ratio'])})")
                 for row in rows]
        lines.append([words, *texts])
    return table(["", *COLUMNS], lines)


def targets_table(record):
    return table(["work", "against", "target", "measured"],
                 [[row["work"], row["against"], f"{row['target']:g} {row['unit']}",
                   f"{number(row['measured'])} {row['unit']}" + ("" if row["reached"] else " (missed)")]
                  for row in record["targets"]])


def roofline_table(record):
    return table(["batch", "points", "of a tile", "operations per byte", "GF/s", "of the peak"],
                 [[row["words"], f"{row['n_points']:,}", str(row["tile"]), f"{row['intensity']:.3g}",
                   f"{row['gflops']:.0f}", f"{row['share']:.0%}"] for row in record["points"]])


def roofs_table(record):
    return table(["", "measured"], [
        ["multiply-adds on registers", f"{record['peak_gflops']:.0f} GF/s"],
        *([f"a = b + s c, arrays in {level}", f"{rate:.0f} GB/s"] for level, rate in record["bandwidths"].items())])


def spent_table(rows, columns):
    return table(["", *columns.values()],
                 [[row["words"] + (f", {row['n_points']:,} points" if "n_points" in row else ""),
                   *(f"{row[name]:.3g}" if abs(row[name]) >= 0.01 else f"{row[name]:.2f}" for name in columns)]
                  for row in rows])


def tables(records):
    """Name of a table -> its text."""
    peers, roofs, parts = (records[name] for name in ("peers", "roofline", "spent"))
    return {
        "machine": machine(peers),
        "peers": peers_table(peers),
        "targets": targets_table(peers),
        "roofs": roofs_table(roofs),
        "roofline": roofline_table(roofs),
        "one": spent_table(parts["one"], spent.ONE),
        "batch": spent_table(parts["batch"], spent.BATCH),
    }


def fill(page, texts):
    """The page with what stands between its marks replaced."""

    def replaced(match):
        if match[1] not in texts:
            raise ValueError(f"figures: expected one of {', '.join(texts)}, got {match[1]!r}")
        return f"<!-- figures: {match[1]} -->\n{texts[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- figures: (\S+) -->\n.*?\n?<!-- end -->", replaced, page, flags=re.S)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="take the figures from there")
    parser.add_argument("--quick", action="store_true", help="figures mean nothing")
    options = parser.parse_args()
    folder = options.folder or FIGURES
    names = ("peers", "roofline", "spent")
    if options.folder is None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            script, figures = Path(__file__).with_name(f"{name}.py"), folder / f"{name}.json"
            command = [sys.executable, str(script), "--json", str(figures), *["--quick"] * options.quick]
            subprocess.run(command, check=True)
    records = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8"), tables(records)), encoding="utf-8", newline="\n")
    write_plots(CHARTS, records["peers"]["rows"])
    (CHARTS / "roofline.svg").write_text(roofline.draw(records["roofline"]), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
