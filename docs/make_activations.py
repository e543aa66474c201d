"""Write docs/activations.md from `fastjac.ACTIVATIONS`.

    python docs/make_activations.py
"""

from pathlib import Path

from fastjac.activations import ACTIVATIONS

PAGE = Path(__file__).with_name("activations.md")

HEAD = """\
# Activations

`fastjac.ACTIVATIONS` as a table; `docs/make_activations.py` writes this page.

A layer's activation is called by its name or an alias; case, underscores, hyphens and spaces do not
matter (`"Leaky ReLU"` is `leaky_relu`). Parameters are keywords of the layer, numbers or arrays with one
value per unit: `fj.Layer(W, b, "elu", alpha=0.5)`. `gelu` takes `approximate="none"` or `"tanh"`; the
latter is `gelu_tanh`.

Value and derivative come from one pass. Their errors are at most 2 and 4 units in the last place over
the whole range; the derivatives of silu, mish, gelu, gelu_tanh and speculator and the values of
hard_sigmoid and speculator, which have a root among terms of both signs, are measured in units of the
last place of the sum of the magnitudes of these terms. `python tests/ulp_table.py` prints what is
reached. f(NaN) and f'(NaN) are NaN, and at infinity both are the limits where these exist.

| name | aliases | parameters | f(h) | f'(h) | at kinks |
|---|---|---|---|---|---|
"""


def parameter_text(name, default):
    return f"`{name}`" if default is None else f"`{name}={default:.6g}`"


def cell(text):
    return f"`{text}`".replace("|", "\\|") if text else ""


def page():
    """The text of docs/activations.md."""
    rows = []
    for a in ACTIVATIONS.values():
        aliases = ", ".join(a.aliases)
        parameters = ", ".join(parameter_text(*item) for item in a.parameters.items())
        cells = (f"`{a.name}`", aliases, parameters, cell(a.formula), cell(a.derivative), a.kinks)
        rows.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
