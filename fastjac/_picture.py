"""Pictures of a network, every neuron (``full``) or one box per layer (``compact``).

Under each layer stands its factor of the Jacobian: read from right to left, the factors are the product.
"""

from math import ceil, log2

import numpy as np

from fastjac._svg import DOTS, arrow, document, group, label, math, math_width, path, rect

_MARGIN = 28
_PILL_HEIGHT = 30
_ROW_WIDTH = 1080  # compact pictures continue in a new row beyond this
_MAX_BOXES = 18  # the middle of a longer network becomes one box with dots
_WIRE = 54
_RECURSION = "h_{k} = W_{k}^{T}\u2009a_{k−1} + b_{k},\u2002a_{k} = f_{k}(h_{k}),\u2002a_{0} = x"


# ------------------------------------------------------------------------------- factors of the Jacobian


def _factor(k, layer):
    if layer is None:
        return DOTS
    weights = f"W_{{{k}}}^{{T}}"
    if layer.activation == "identity":
        return weights
    return f"φ′_{{{layer.activation}}}(h_{{{k}}})\u2009{weights}"


def _pill_width(k, layer):
    return math_width(_factor(k, layer), 15) + 18


def _pills(y, placed):
    """The factors of a row of layers, ``placed`` as (x, k, layer), and arrows from right to left."""
    for x, k, layer in placed:
        width = _pill_width(k, layer)
        yield rect("fj-factor", x - width / 2, y, width, _PILL_HEIGHT, _PILL_HEIGHT / 2)
        yield math(x, y + 20, _factor(k, layer), 15)
        if layer is not None:
            yield label(x, y + _PILL_HEIGHT + 15, f"{layer.n_out} × {layer.n_in}", 11)
    for (x0, *before), (x1, *after) in zip(placed, placed[1:], strict=False):
        start, end = x1 - _pill_width(*after) / 2 - 6, x0 + _pill_width(*before) / 2 + 6
        yield arrow(start, end, y + _PILL_HEIGHT / 2, "fj-thin")


def _product(x, y, width, drawn):
    """J_F(x) = ..., in written order; the middle becomes dots where the line is too short."""
    factors = [_factor(k, layer) for k, layer in reversed(drawn)]
    start, gap = "J_{F}(x) = ", "\u2002"
    line = start + gap.join(factors)
    if math_width(line, 17) > width and len(factors) > 3:
        line = start + gap.join([*factors[:2], DOTS, factors[-1]])
    return math(x, y, line, 17)


def n_activated(layer):
    """How many units have the activation; the others carry a skip."""
    return layer.n_out - getattr(layer, "n_carried", 0)


def named(layer):
    """The activation, and of how many units it is where others carry a skip."""
    n = n_activated(layer)
    return layer.activation if n == layer.n_out else f"{layer.activation} of {n}"


def _describe(k, layer):
    return f"layer {k}: {layer.n_in} × {layer.n_out}, {named(layer)}"


def _document(layers, drawn, width, height, marks):
    widths = [layers[0].n_in, *(layer.n_out for layer in layers)]
    chain = "-".join(map(str, widths)) if len(widths) <= 20 else f"{widths[0]}-...-{widths[-1]}"
    described = "; ".join(_describe(k, layer) for k, layer in drawn if layer is not None)
    description = f"{described}. The Jacobian is the product of the layers' factors, from right to left."
    return document(width, height, f"Feed-forward network {chain}", description, marks)


# ------------------------------------------------------------------------------------- one box per layer


def compact(layers, jacobian=True):
    """One box per layer, in rows that are read like text."""
    drawn = _drawn(layers)
    pitch = max(_box_width(layer) + _WIRE for _, layer in drawn)
    if jacobian:
        pitch = max(pitch, *(_pill_width(k, layer) + 30 for k, layer in drawn))
    n_rows = ceil(len(drawn) * pitch / (_ROW_WIDTH - 2 * _MARGIN))
    per_row = ceil(len(drawn) / n_rows)
    width = max(2 * _MARGIN + per_row * pitch + _WIRE, 380)
    left = (width - per_row * pitch) / 2

    marks, y = [], 18.0
    for i in range(0, len(drawn), per_row):
        row = drawn[i : i + per_row]
        placed = [(left + (j + 0.5) * pitch, k, layer) for j, (k, layer) in enumerate(row)]
        sides = [_side(n) for _, layer in row if layer is not None for n in (layer.n_in, layer.n_out)]
        tallest = max(sides, default=_side(1))
        middle, pills = y + tallest / 2 + 4, y + tallest + 26
        first = 0 if i == 0 else drawn[i - 1][0]
        marks += _row(layers, placed, first, left - _WIRE / 2, left + len(row) * pitch + _WIRE / 2, middle)
        y += tallest + 30
        if jacobian:
            marks += (_stem(x, middle, pills, layer) for x, _, layer in placed)
            marks += _pills(pills, placed)
            y = pills + _PILL_HEIGHT + 42
    if jacobian:
        marks.append(_product(width / 2, y + 8, width - 2 * _MARGIN, drawn))
        y += 34
    marks.append(math(width / 2, y + 2, _RECURSION, 13.5, cls="fj-muted"))
    return _document(layers, drawn, width, y + 22, marks)


def _drawn(layers):
    """Pairs (k, layer) of the layers to draw; (k, None) stands for the layers up to number k."""
    numbered = list(enumerate(layers, start=1))
    if len(numbered) <= _MAX_BOXES:
        return numbered
    head = _MAX_BOXES // 2
    tail = len(numbered) - (_MAX_BOXES - head - 1)
    return [*numbered[:head], (tail, None), *numbered[tail:]]


def _row(layers, placed, k_before, x_start, x_end, y):
    """Boxes, and the wires that carry a_k into, between and out of them."""
    edge = x_start
    for x, k, layer in placed:
        half = _box_width(layer) / 2
        yield from _wire(layers, k_before, edge, x - half, y)
        yield from _gap(x, y, k - k_before) if layer is None else _box(x, y, k, layer)
        edge, k_before = x + half, k
    yield from _wire(layers, k_before, edge, x_end, y)


def _wire(layers, k, x0, x1, y):
    n = layers[k - 1].n_out if k else layers[0].n_in
    name = {0: "x", len(layers): "y"}.get(k, f"a_{{{k}}}")
    x = (x0 + x1) / 2
    return [arrow(x0 + 4, x1 - 4, y), label(x, y - 8, str(n), 11), math(x - 1, y + 18, name, 15)]


def _gap(x, y, n_layers):
    return [math(x, y + 6, DOTS, 28, cls="fj-muted"), label(x, y + 34, f"{n_layers} layers")]


def _box(x, y, k, layer):
    """W_k and b_k in a trapezium from width to width, then f_k, centred on (x, y)."""
    half = _box_width(layer) / 2
    left, right, split = x - half, x + half, x - half + _affine_width(layer)
    h_in, h_out = _side(layer.n_in) / 2, _side(layer.n_out) / 2
    kind, ink = ("fj-plain", "fj-muted") if layer.activation == "identity" else ("fj-curve", "fj-ink")
    trapezium = (
        f"M{left:.1f} {y - h_in:.1f}L{split:.1f} {y - h_out:.1f}"
        f"V{y + h_out:.1f}L{left:.1f} {y + h_in:.1f}Z"
    )  # fmt: skip
    symbols = f"W_{{{k}}}" if layer.b is None else f"W_{{{k}}}, b_{{{k}}}"
    marks = [
        rect(kind, split, y - h_out, right - split, 2 * h_out, 4),
        path("fj-affine", trapezium),
        math((left + split) / 2, y - 1, symbols, 17),
        label((left + split) / 2, y + 16, f"{layer.n_in} × {layer.n_out}"),
        label((split + right) / 2, y + 4.5, named(layer), 12.5, cls=ink),
    ]
    return group(_describe(k, layer), marks)


def _stem(x, y, pills, layer):
    """The dotted line from a box to its factor."""
    below = y + (46 if layer is None else _side(layer.n_out) / 2)
    return path("fj-thin", f"M{x:.1f} {below + 3:.1f}V{pills - 3:.1f}", stroke_dasharray="2 3")


def _side(n):
    """Height of the side of a box that n numbers pass through."""
    return 54 + min(8 * log2(n), 76)


def _affine_width(layer):
    return max(84, 7.2 * len(f"{layer.n_in} × {layer.n_out}") + 18)


def _box_width(layer):
    return 70 if layer is None else _affine_width(layer) + 7.4 * len(named(layer)) + 22


# ---------------------------------------------------------------------------------------- every neuron


def full(layers, jacobian=True):
    """Every neuron, every connection, and the biases as connections from a square that is always 1."""
    numbered = list(enumerate(layers, start=1))
    widths = [layers[0].n_in, *(layer.n_out for layer in layers)]
    tallest = max(widths)
    step = 42 if tallest <= 8 else 26 if tallest <= 20 else 16
    radius = 0.35 * step
    over = [_over(layers, k) for k in range(len(widths))]
    pitch = max(158, *(math_width(text, 14) + 24 for text in over))
    if jacobian:
        pitch = max(pitch, *(_pill_width(k, layer) + 30 for k, layer in numbered))
    side = max(_MARGIN + radius, math_width(over[-1], 14) / 2 + 16)
    width = max(2 * side + len(layers) * pitch, 420)
    left = (width - len(layers) * pitch) / 2

    def centre(k, i):
        return left + k * pitch, 76 + (tallest / 2 + i - (widths[k] - 1) / 2) * step

    marks = []
    for k, layer in numbered:
        marks += group(_describe(k, layer), _connections(layer, k, centre))
        marks.append(math(left + (k - 0.5) * pitch, 52, _under(layer, k), 14, cls="fj-muted"))
    for k, n in enumerate(widths):
        marks.append(math(left + k * pitch, 30, over[k], 14))
        marks += _neurons(layers, k, n, centre, radius)
    has_bias = [*(layer.b is not None for layer in layers), False]
    lowest = max(centre(k, n - 1 + bias)[1] for k, (n, bias) in enumerate(zip(widths, has_bias, strict=True)))
    y = lowest + radius + 26
    if jacobian:
        # A bracket spans connections and neurons of its layer, which are W_k and f_k.
        spans = [(left + (k - 1) * pitch + 26, left + k * pitch + 14) for k, _ in numbered]
        marks += (path("fj-thin", f"M{x0:.1f} {y - 8:.1f}v5H{x1:.1f}v-5") for x0, x1 in spans)
        marks += _pills(
            y + 5, [((x0 + x1) / 2, *pair) for (x0, x1), pair in zip(spans, numbered, strict=True)]
        )
        y += _PILL_HEIGHT + 58
        marks.append(_product(width / 2, y, width - 2 * _MARGIN, numbered))
        y += 10
    marks += _legend(width / 2, y + 22, any(has_bias))
    return _document(layers, numbered, width, y + 42, marks)


def _over(layers, k):
    """What stands over column k: a_k = f_k(h_k)."""
    if k == 0:
        return "x"
    name = layers[k - 1].activation
    a = "y" if k == len(layers) else f"a_{{{k}}}"
    return f"{a} = h_{{{k}}}" if name == "identity" else f"{a} = {name}(h_{{{k}}})"


def _under(layer, k):
    """What stands over the connections into column k, one line lower: h_k."""
    bias = "" if layer.b is None else f" + b_{{{k}}}"
    return f"h_{{{k}}} = W_{{{k}}}^{{T}}\u2009" + ("x" if k == 1 else f"a_{{{k - 1}}}") + bias


def _connections(layer, k, centre):
    weights = np.asarray(layer.W, dtype=float)
    if layer.b is not None:
        weights = np.vstack([weights, layer.b])
    largest = np.abs(weights).max() or 1.0
    # The strongest come last, so that they stay visible in a crowd.
    for i, j in sorted(np.ndindex(weights.shape), key=lambda ij: (abs(weights[ij]), ij)):
        (x0, y0), (x1, y1) = centre(k - 1, i), centre(k, j)
        strength = abs(weights[i, j]) / largest
        cls = "fj-pos" if weights[i, j] > 0 else "fj-neg" if weights[i, j] < 0 else "fj-zero"
        yield (
            f'<line class="{cls}" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" '
            f'stroke-width="{0.7 + 1.7 * strength:.2f}" stroke-opacity="{0.22 + 0.78 * strength:.2f}"/>'
        )


def _neurons(layers, k, n, centre, radius):
    letter = {0: "x", len(layers): "y"}.get(k)
    n_curved = 0 if k == 0 or layers[k - 1].activation == "identity" else n_activated(layers[k - 1])
    for i in range(n):
        x, y = centre(k, i)
        kind = "fj-curve" if i < n_curved else "fj-plain"
        yield f'<circle class="fj-neuron {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        if letter and radius > 10:
            yield math(x, y + 4.5, f"{letter}_{{{i + 1}}}", 14)
    if k < len(layers) and layers[k].b is not None:
        x, y = centre(k, n)
        half = 0.62 * radius
        yield rect("fj-bias fj-affine", x - half, y - half, 2 * half, 2 * half, 3)
        if radius > 10:
            yield label(x, y + 4, "1", 11, cls="fj-ink")


def _legend(x, y, bias):
    left = x - (160 if bias else 74)
    for start, cls, text in ((left, "fj-pos", "positive"), (left + 78, "fj-neg", "negative")):
        yield path(cls, f"M{start:.1f} {y - 4:.1f}h18", stroke_width=2.2)
        yield label(start + 23, y, text, 11, "start")
    if bias:
        yield label(left + 160, y, "squares: bias, a constant 1", 11, "start")
