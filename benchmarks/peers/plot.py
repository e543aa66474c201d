"""Bar charts of a run, as SVG: a row of panels for each network, one point at the left, a batch at the right."""

from math import log10

from fastjac import _svg

PANEL, LEFT, RIGHT, BAR = 420, 104, 92, 15  # widths in a panel, and the height of a bar
TOP, TITLE, GAP = 58, 20, 18
NOTE = "microseconds per point, and as a multiple of fastjac's; logarithmic; shorter is faster"
HEADLINES = ("tiny", "small", "acas", "med")


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def _panel(rows, x, y, unit, low):
    """Time of each peer as a multiple of fastjac's, on a logarithmic axis."""
    one = x + LEFT - low * unit
    title = f"{rows[0]['words']}, {_points(rows[0]['n_points'])}"
    marks = [_svg.label(x, y, title, size=12.5, anchor="start", cls="fj-ink")]
    bottom = y + 6 + BAR * len(rows)
    for row in sorted(rows, key=lambda row: row["ratio"]):
        y += BAR
        end = one + log10(row["ratio"]) * unit
        kind = "fj-affine" if row["peer"].startswith("fastjac") else "fj-curve"
        marks.append(_svg.rect(kind, x + LEFT, y - 9, end - x - LEFT, BAR - 4, 1))
        marks.append(_svg.label(x + LEFT - 8, y, row["peer"], anchor="end", cls="fj-ink"))
        text = f"{_number(row['us'])} µs" + (f", {_number(row['ratio'])}×" if row["peer"] != "fastjac" else "")
        marks.append(_svg.label(max(one, end) + 6, y, text, anchor="start"))
    marks.append(_svg.path("fj-thin", f"M{one:.1f} {bottom - BAR * len(rows):.1f}V{bottom:.1f}", stroke_width=1))
    return marks


def _points(n):
    return "one point" if n == 1 else f"{n:,} points"


def bars(rows, title):
    """The chart of all networks in the rows."""
    groups = {}
    for row in rows:
        groups.setdefault(row["network"], {}).setdefault(row["n_points"], []).append(row)
    ratios = [row["ratio"] for row in rows]
    low, high = min(0, log10(min(ratios))) - 0.3, max(1, log10(max(ratios)))  # so that the shortest is seen
    unit = (PANEL - LEFT - RIGHT) / (high - low)
    width, y = 2 * PANEL + 40, TOP
    marks = [
        _svg.label(width / 2, 28, title, size=15, cls="fj-ink"),
        _svg.label(width / 2, 45, NOTE),
    ]
    for panels in groups.values():
        y += TITLE
        for column, n_points in enumerate(sorted(panels)):
            marks += _panel(panels[n_points], 20 + column * PANEL, y, unit, low)
        y += BAR * max(map(len, panels.values())) + GAP
    description = "; ".join(f"{r['words']}, {_points(r['n_points'])}, {r['peer']} {r['us']:.3g}" for r in rows)
    return _svg.document(width, y + 6, title, description, marks)


def write_plots(folder, rows):
    """peers-float64.svg and its like with every network, and peers.svg with a few."""
    folder.mkdir(parents=True, exist_ok=True)
    for dtype in sorted({row["dtype"] for row in rows}):
        chosen = [row for row in rows if row["dtype"] == dtype]
        title = f"Value and Jacobian on one core, {dtype}"
        (folder / f"peers-{dtype}.svg").write_text(bars(chosen, title), encoding="utf-8")
        headlines = [row for row in chosen if row["network"] in HEADLINES]
        if headlines and dtype == "float64":
            (folder / "peers.svg").write_text(bars(headlines, title), encoding="utf-8")
