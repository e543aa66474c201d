"""Bar charts of a run, as SVG."""

from math import ceil, log10

from fastjac import _svg

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 760, 150, 130, 62, 15, 26


def _number(value, n_digits):
    return f"{value:,.0f}" if value >= 100 else f"{value:.{n_digits}g}"


def bars(rows, title):
    """Time of each peer as a multiple of fastjac's, on a logarithmic axis, one group a network."""
    groups = {}
    for row in rows:
        groups.setdefault(row["network"], []).append(row)
    ratios = [row["ratio"] for row in rows]
    low, high = min(0, log10(min(ratios))), max(1, ceil(log10(max(ratios))))
    unit = (WIDTH - LEFT - RIGHT) / (high - low)
    one = LEFT - low * unit
    marks, y = [_svg.label(WIDTH / 2, 28, title, size=15, cls="fj-ink")], TOP
    for network, members in groups.items():
        marks.append(_svg.label(16, y, network, size=13, anchor="start", cls="fj-ink"))
        for row in sorted(members, key=lambda row: row["ratio"]):
            y += BAR
            end = one + log10(row["ratio"]) * unit
            kind = "fj-affine" if row["peer"].startswith("fastjac") else "fj-curve"
            marks.append(_svg.rect(kind, min(one, end), y - 9, max(abs(end - one), 1), BAR - 4, 1))
            marks.append(_svg.label(LEFT - 8, y, row["peer"], anchor="end", cls="fj-ink"))
            text = f"{_number(row['us'], 3)} µs, {_number(row['ratio'], 2)}×"
            marks.append(_svg.label(max(one, end) + 6, y, text, anchor="start"))
        y += GAP
    marks.append(_svg.path("fj-line", f"M{one:.1f} {TOP - 14}V{y - GAP + 6}", stroke_width=1))
    note = "microseconds per point, and as a multiple of fastjac's; logarithmic; shorter is faster"
    marks.append(_svg.label(WIDTH / 2, 45, note))
    return _svg.document(WIDTH, y, title, "; ".join(f"{r['network']} {r['peer']} {r['us']:.3g}" for r in rows), marks)
