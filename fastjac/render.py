"""A network shown: its formula in LaTeX, its picture in SVG, its layers as a table.

Everything here is a pure function of a sequence of layers, of which only ``W``, ``b``, ``activation``,
``parameters``, ``n_in`` and ``n_out`` are read.  The picture itself is drawn in ``fastjac._picture``.
"""

from html import escape
from itertools import chain

import numpy as np

from fastjac import _picture
from fastjac.activations import ACTIVATIONS

_T = r"^{\mathsf{T}}"
_LATEX_NAMES = {"tanh": r"\tanh", "exp": r"\exp", "sin": r"\sin", "cos": r"\cos", "arctan": r"\arctan"}
# The matrix, and what stands in it; @ is h.
_S = r"s = \operatorname{softmax}(@)"
_DENSE_DERIVATIVES = {
    "softmax": (rf"\operatorname{{diag}}(s) - s\,s{_T}", _S),
    "log_softmax": (rf"I - \mathbf{{1}}\,s{_T}", _S),
    "rms_norm": (rf"r\,(I - z\,z{_T}/n)", rf"z = r\,@, \quad r = (@{_T} @/n + \epsilon)^{{-1/2}}"),
    "layer_norm": (
        rf"r\,(I - \mathbf{{1}}\,\mathbf{{1}}{_T}/n - z\,z{_T}/n)",
        r"z = r\,(@ - \overline{@}), \quad r = (\operatorname{var} @ + \epsilon)^{-1/2}"),
}

# Longest networks that are written out in full.
_NESTED_LAYERS = 4
_FACTORS = 12
_FACTORS_PER_LINE = 3
_TABLE_ROWS = 20

_HEADER = ("layer", "in -> out", "activation", "parameters", "weights")


# ---------------------------------------------------------------------------------------------- formula


def formula(layers, symbolic=True, centered=False):
    r"""LaTeX of F and of its Jacobian J_F, as one ``aligned`` environment.

    The factors of J_F stand in the order in which the layers of the picture are met from right to left.

    Parameters
    ----------
    layers : sequence of Layer
    symbolic : bool
        True writes f_k and abbreviates more than four layers; False writes the names of the activations,
        the shape of every factor and one line of definitions per layer, and leaves out the derivative of
        the identity, which is I (the formula says so).
    centered : bool
        Whether x stands for the inputs less a constant.

    Returns
    -------
    str
        Without delimiters; MathJax and KaTeX render it in display mode.
    """
    lines = _symbolic_lines(layers) if symbolic else _named_lines(layers)
    carried = [k for k, layer in enumerate(layers, 1) if getattr(layer, "n_carried", 0)]
    if carried:
        texts = ", ".join(rf"{layers[k - 1].n_carried} \text{{ of }} a_{{{k}}}" for k in carried)
        lines.append(rf"&\text{{without activation, as they carry a skip: the last }} {texts}")
    if centered:
        lines.append(r"&\text{where } x \text{ stands for the inputs less their center } c")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _symbolic_lines(layers):
    n_layers = len(layers)
    names = [rf"f_{{{k}}}" for k in range(1, n_layers + 1)]
    factors = [_factor(names[k - 1], k) for k in range(n_layers, 0, -1)]
    if n_layers > _NESTED_LAYERS:
        factors = [*factors[:2], r"\cdots", factors[-1]]
    lines = [f"F(x) &= {_composition(layers, names)}", r"J_F(x) &= " + r"\; ".join(factors)]
    if n_layers == 1:
        lines += [r"h_{1} &= " + _affine(layers, 1, "x") + r", \quad y = a_{1} = f_{1}(h_{1})"]
    else:
        bias = " + b_{k}" if any(layer.b is not None for layer in layers) else ""
        lines += [
            rf"h_{{k}} &= W_{{k}}{_T} a_{{k-1}}{bias}, \quad a_{{k}} = f_{{k}}(h_{{k}}), "
            rf"\quad a_{{0}} = x, \quad y = a_{{{n_layers}}}"
        ]
    return lines + _symbolic_derivatives(layers)


def _symbolic_derivatives(layers):
    """What phi' is: a diagonal, the identity matrix, or a dense matrix."""
    groups = {}
    for k, layer in enumerate(layers, start=1):
        special = layer.activation in ("identity", *_DENSE_DERIVATIVES)
        groups.setdefault(layer.activation if special else "", []).append(k)
    lines = []
    for name, members in groups.items():
        matrix, remark = r"\operatorname{diag}\bigl(f_{k}'(h_{k})\bigr)", ""
        if name == "identity":
            matrix, remark = "I", r"\text{identity, }"
        elif name:
            matrix = _dense_derivative(name, "h_{k}")
            remark = rf"\text{{dense: }} {_operator(name)},\ "
        where = ", ".join(map(str, members)) if len(members) <= 6 else rf"{members[0]}, \ldots, {members[-1]}"
        condition = rf" \quad ({remark}k = {where})" if len(groups) > 1 or remark else ""
        lines.append(rf"\varphi'_{{f_{{k}}}}(h_{{k}}) &= {matrix}{condition}")
    return lines


def _dense_derivative(name, h):
    matrix, where = _DENSE_DERIVATIVES[name]
    return rf"{matrix}, \quad {where.replace('@', h)}"


def _named_lines(layers):
    n_layers = len(layers)
    names = [_operator(layer.activation) for layer in layers]
    factors = [_shaped_factor(layers[k - 1], names[k - 1], k) for k in range(n_layers, 0, -1)]
    if n_layers > _FACTORS:
        factors = [*factors[:3], r"\cdots", *factors[-2:]]
    product = [factors[i : i + _FACTORS_PER_LINE] for i in range(0, len(factors), _FACTORS_PER_LINE)]
    shown = _shown(n_layers, _FACTORS)
    return [
        rf"F &: \mathbb{{R}}^{{{layers[0].n_in}}} \to \mathbb{{R}}^{{{layers[-1].n_out}}}",
        f"F(x) &= {_composition(layers, names)}",
        "J_F(x) &= " + " \\\\\n&\\quad\\;\\, ".join(r"\; ".join(line) for line in product),
        *(r"&\;\;\vdots" if k is None else _definition(layers, names, k) for k in shown),
        *_named_derivatives(layers),
    ]


def _definition(layers, names, k):
    layer = layers[k - 1]
    before = "x" if k == 1 else rf"a_{{{k - 1}}}"
    result = rf"h_{{{k}}}" if layer.activation == "identity" else rf"{names[k - 1]}(h_{{{k}}})"
    after = rf"y = a_{{{k}}}" if k == len(layers) else rf"a_{{{k}}}"
    numbers = ",\\ ".join(
        rf"\mathrm{{{_escape(key)}}} = {_number(value)}"
        for key, value in layer.parameters.items()
        if np.ndim(value) == 0 and not isinstance(value, str)
    )
    return (
        rf"h_{{{k}}} &= {_affine(layers, k, before)} \in \mathbb{{R}}^{{{layer.n_out}}}, "
        rf"\quad {after} = {result}" + (rf" \quad ({numbers})" if numbers else "")
    )


def _named_derivatives(layers):
    lines = []
    for name in dict.fromkeys(layer.activation for layer in layers):
        phi = rf"\varphi'_{{{_operator(name)}}}(h)"
        if name == "identity":
            lines.append(rf"{phi} &= I \quad \text{{(left out of the product)}}")
        elif name in _DENSE_DERIVATIVES:
            lines.append(rf"{phi} &= {_dense_derivative(name, 'h')} \quad \text{{(dense)}}")
        else:
            derivative = f"{_operator(name)}'(h)"
            known = (
                f", \\quad {derivative} = {ACTIVATIONS[name].latex_derivative}" if name in ACTIVATIONS else ""
            )
            lines.append(rf"{phi} &= \operatorname{{diag}}\bigl({derivative}\bigr){known}")
    return lines


def _composition(layers, names):
    """f_L(W_L^T f_{L-1}( ... ) + b_L), with dots in the middle of a long network."""
    n_layers = len(layers)

    def applied(k, inner):
        name = "" if names[k - 1] == _operator("identity") else names[k - 1]
        if not name and k == n_layers:
            return _affine(layers, k, inner)
        return rf"{name}\left({_affine(layers, k, inner)}\right)"

    if n_layers > _NESTED_LAYERS:
        return applied(n_layers, rf"{names[-2]}\left(\cdots {applied(1, 'x')} \cdots\right)")
    inner = "x"
    for k in range(1, n_layers + 1):
        inner = applied(k, inner)
    return inner


def _affine(layers, k, a):
    bias = "" if layers[k - 1].b is None else f" + b_{{{k}}}"
    return rf"W_{{{k}}}{_T} {a}{bias}"


def _factor(name, k):
    return rf"\varphi'_{{{name}}}(h_{{{k}}})\, W_{{{k}}}{_T}"


def _shaped_factor(layer, name, k):
    n_in, n_out = layer.n_in, layer.n_out
    weights = rf"\underbrace{{W_{{{k}}}{_T}}}_{{{n_out} \times {n_in}}}"
    if layer.activation == "identity":
        return weights
    return rf"\underbrace{{\varphi'_{{{name}}}(h_{{{k}}})}}_{{{n_out} \times {n_out}}}\, {weights}"


def _operator(name):
    if "_" in name:
        # Directly in \operatorname, MathJax sets the underscore as a sign with space around it.
        return rf"\operatorname{{\mathrm{{{_escape(name)}}}}}"
    return _LATEX_NAMES.get(name, rf"\operatorname{{{name}}}")


def _escape(name):
    return name.replace("_", r"\_")


def _number(value):
    """A number as LaTeX, to six digits."""
    digits, _, exponent = f"{float(value):g}".partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits


def _shown(n_layers, limit):
    """Layer numbers to show; None stands for the middle of a network of more than ``limit`` layers."""
    if n_layers <= limit:
        return list(range(1, n_layers + 1))
    head, tail = limit // 2, limit - limit // 2 - 1
    return [*range(1, head + 1), None, *range(n_layers - tail + 1, n_layers + 1)]


# ------------------------------------------------------------------------------------ table and picture


def _parameters(layer):
    def text(value):
        if np.ndim(value):
            return f"array({', '.join(map(str, np.shape(value)))})"
        return value if isinstance(value, str) else f"{float(value):g}"

    return ", ".join(f"{name}={text(value)}" for name, value in layer.parameters.items())


def _n_weights(layer):
    return layer.n_in * layer.n_out + (0 if layer.b is None else layer.n_out)


def _rows(layers):
    """Cells of the table, as text; None stands for the rows that are left out."""
    digits = max(len(str(layer.n_in)) for layer in layers)  # the arrows stand under each other
    for k in _shown(len(layers), _TABLE_ROWS):
        if k is None:
            yield None
            continue
        layer = layers[k - 1]
        widths = f"{layer.n_in:>{digits}} -> {layer.n_out}"
        yield str(k), widths, _picture.named(layer), _parameters(layer), f"{_n_weights(layer):,}"


def _total(layers):
    return "", "", "", "total", f"{sum(map(_n_weights, layers)):,}"


def table(layers):
    """Plain-text table of the layers: widths, activation, its parameters, number of weights and biases.

    The last line is the total; of more than 20 layers the middle is left out.

    Returns
    -------
    str
    """
    dots = ("...", "...", "...", "", "...")
    rows = [_HEADER, *(row or dots for row in _rows(layers)), _total(layers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = "{:>{}}  {:<{}}  {:<{}}  {:<{}}  {:>{}}"
    return "\n".join(line.format(*chain.from_iterable(zip(row, widths, strict=True))) for row in rows)


def diagram(layers, style="auto", jacobian=True):
    """SVG picture of the network, and under it, aligned, the factors of its Jacobian.

    Parameters
    ----------
    layers : sequence of Layer
    style : {"auto", "full", "compact"}
        "full" draws every neuron with its connections and biases: colour is the sign, opacity and width
        the magnitude relative to the largest of the layer.  "compact" draws one box per layer.  "auto" is
        full where every width is at most 8 and there are at most 120 connections.
    jacobian : bool
        Whether the factors of the Jacobian are drawn.

    Returns
    -------
    str
        An SVG document that needs no other file.

    Raises
    ------
    ValueError
        For another style, or for more than 20,000 connections in style "full".
    """
    if style not in ("auto", "full", "compact"):
        raise ValueError(f"style: expected 'auto', 'full' or 'compact', got {style!r}")
    n_connections = sum(layer.n_in * layer.n_out for layer in layers)
    if style == "auto":
        widths = [layers[0].n_in, *(layer.n_out for layer in layers)]
        style = "full" if max(widths) <= 8 and n_connections <= 120 else "compact"
    if style == "compact":
        return _picture.compact(layers, jacobian)
    if n_connections > 20_000:
        raise ValueError(
            f"style 'full': expected at most 20,000 connections, got {n_connections:,}; use style 'compact'"
        )
    return _picture.full(layers, jacobian)


def html(layers, style="auto"):
    """HTML for notebooks: the picture of the network, then its table of layers.

    Parameters
    ----------
    layers : sequence of Layer
    style : {"auto", "full", "compact"}
        As in `diagram`.

    Returns
    -------
    str
    """

    def line(cells, tag="td"):
        return "<tr>" + "".join(f"<{tag}>{escape(c.replace('->', '→'))}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line(row or ["…"] * len(_HEADER)) for row in _rows(layers))
    return (
        f'<div style="overflow-x:auto">{diagram(layers, style)}</div>'
        f"<table><thead>{line(_HEADER, 'th')}</thead><tbody>{body}</tbody>"
        f"<tfoot>{line(_total(layers))}</tfoot></table>"
    )
