"""Formula, picture and table of a network: complete, well-formed, escaped."""

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import fastjac as fj
from fastjac import render

SVG = "{http://www.w3.org/2000/svg}"
IMAGES = Path(__file__).parent.parent / "docs" / "images"


def make_layers(widths, names, bias=True, **parameters):
    """Stand-ins with the attributes of a Layer; the last name is repeated for the missing ones."""
    rng = np.random.default_rng(7)
    names = list(names) + [names[-1]] * (len(widths) - 1 - len(names))
    return [
        SimpleNamespace(
            W=rng.normal(size=(n, m)), b=rng.normal(size=m) if bias else None,
            activation=name, parameters=parameters, n_in=n, n_out=m,
        )
        for n, m, name in zip(widths, widths[1:], names, strict=False)
    ]  # fmt: skip


NETWORKS = {
    "affine": ((2, 3), ["identity"]),
    "two": ((3, 4, 2), ["tanh", "identity"]),
    "small": ((4, 8, 8, 2), ["tanh", "softplus", "softmax"]),
    "emulator": ((6, 512, 512, 512, 512, 420), ["speculator"]),
    "autoencoder": ((784, 256, 64, 256, 784), ["relu"]),
    "deep": ((8, *[64] * 11, 3), ["thresholded_relu"]),
    "very deep": ((5, *[50] * 999, 5), ["leaky_relu"]),
}


def parse(svg):
    return ET.fromstring(svg)


def texts(root):
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def with_class(root, tag, name):
    return [e for e in root.iter(f"{SVG}{tag}") if name in e.get("class", "").split()]


# ---------------------------------------------------------------------------------------------- formula


def lines_of(latex):
    """Left side to right side, continuation lines joined."""
    body = latex.removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    assert body != latex
    joined = re.sub(r" \\\\\n&\\quad\\;\\, ", " ", body)
    return dict(line.split(" &= ", 1) for line in joined.split(" \\\\\n") if " &= " in line)


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_formula_balanced(name, symbolic):
    latex = render.formula(make_layers(*NETWORKS[name]), symbolic=symbolic)
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left(") == latex.count(r"\right)")
    assert latex.count(r"\bigl(") == latex.count(r"\bigr)")


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize("name", ["affine", "two", "small", "autoencoder"])
def test_formula_each_weight_once(name, symbolic):
    layers = make_layers(*NETWORKS[name])
    lines = lines_of(render.formula(layers, symbolic=symbolic))
    numbers = list(range(len(layers), 0, -1))
    for left in ("F(x)", "J_F(x)"):
        assert [int(k) for k in re.findall(r"W_\{(\d+)\}", lines[left])] == numbers


def test_formula_jacobian_complete_to_twelve_layers():
    lines = lines_of(render.formula(make_layers(*NETWORKS["deep"]), symbolic=False))
    assert [int(k) for k in re.findall(r"W_\{(\d+)\}", lines["J_F(x)"])] == list(range(12, 0, -1))


@pytest.mark.parametrize("symbolic", [True, False])
def test_formula_very_deep_abbreviated(symbolic):
    latex = render.formula(make_layers(*NETWORKS["very deep"]), symbolic=symbolic)
    assert r"\cdots" in latex
    assert "W_{1000}" in latex
    assert "W_{500}" not in latex


def test_formula_argument_is_preactivation():
    factor = lines_of(render.formula(make_layers((3, 4), ["tanh"]), symbolic=False))["J_F(x)"]
    assert factor == (
        r"\underbrace{\varphi'_{\tanh}(h_{1})}_{4 \times 4}\, \underbrace{W_{1}^{\mathsf{T}}}_{4 \times 3}"
    )


def test_formula_identity_left_out_and_said():
    lines = lines_of(render.formula(make_layers((3, 4, 2), ["tanh", "identity"]), symbolic=False))
    assert "identity" not in lines["J_F(x)"]
    assert lines[r"\varphi'_{\operatorname{identity}}(h)"] == r"I \quad \text{(left out of the product)}"
    assert lines["F(x)"].startswith(r"W_{2}^{\mathsf{T}} \tanh\left(")


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        ("softmax", r"\operatorname{diag}(s) - s\,s^{\mathsf{T}}"),
        ("log_softmax", r"I - \mathbf{1}\,s^{\mathsf{T}}"),
    ],
)
def test_formula_softmax_dense(name, matrix, symbolic):
    latex = render.formula(make_layers((3, 4), [name]), symbolic=symbolic)
    assert matrix in latex
    assert "dense" in latex
    assert r"\operatorname{diag}\bigl(" not in latex


def test_formula_without_bias():
    for symbolic in (True, False):
        assert "b_" not in render.formula(make_layers((3, 4, 2), ["tanh"], bias=False), symbolic=symbolic)


def test_formula_underscore_escaped():
    latex = render.formula(make_layers((3, 4), ["leaky_relu"]), symbolic=False)
    assert r"\operatorname{\mathrm{leaky\_relu}}" in latex
    assert "leaky_relu" not in latex


def test_formula_derivative_and_parameters():
    layers = make_layers((3, 4, 2), ["leaky_relu", "prelu"], negative_slope=1e-7)
    layers[1].parameters = {"slope": np.ones(2)}
    lines = lines_of(render.formula(layers, symbolic=False))
    assert lines["h_{1}"].endswith(r" \quad (\mathrm{negative\_slope} = 1 \cdot 10^{-7})")
    assert lines["h_{2}"].endswith(r"\operatorname{prelu}(h_{2})")
    for name, latex in (("leaky_relu", r"\mathrm{leaky\_relu}"), ("prelu", "prelu")):
        line = lines[rf"\varphi'_{{\operatorname{{{latex}}}}}(h)"]
        assert line.endswith(f" = {fj.ACTIVATIONS[name].latex_derivative}")


# ---------------------------------------------------------------------------------------------- picture


@pytest.mark.parametrize("jacobian", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_diagram_well_formed(name, jacobian):
    root = parse(render.diagram(make_layers(*NETWORKS[name]), jacobian=jacobian))
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert any(text.startswith("JF(x) = ") for text in texts(root)) == jacobian


@pytest.mark.parametrize("style", ["full", "compact"])
@pytest.mark.parametrize("widths", [(2, 3), (3, 4, 2), (4, 8, 8, 2), (2,) * 13])
def test_diagram_every_layer_and_factor(widths, style):
    layers = make_layers(widths, ["tanh"])
    root = parse(render.diagram(layers, style=style))
    assert len(with_class(root, "g", "fj-layer")) == len(layers)
    factors = [t for t in texts(root) if re.fullmatch(r"φ′tanh\(h\d+\)\u2009W\d+T", t)]
    assert factors == [f"φ′tanh(h{k})\u2009W{k}T" for k in range(1, len(layers) + 1)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(2, 3), (3, 4, 2), (4, 8, 8, 2), (30, 1, 25)])
def test_diagram_full_counts(widths, bias):
    root = parse(render.diagram(make_layers(widths, ["tanh"], bias), style="full"))
    n_weights = sum(n * m for n, m in zip(widths, widths[1:], strict=False))
    assert len(with_class(root, "circle", "fj-neuron")) == sum(widths)
    assert len(with_class(root, "rect", "fj-bias")) == bias * (len(widths) - 1)
    assert len(list(root.iter(f"{SVG}line"))) == n_weights + bias * sum(widths[1:])


def test_diagram_full_sign_and_magnitude():
    layer = make_layers((1, 4), ["tanh"], bias=False)[0]
    layer.W = np.array([[2.0, -1.0, 0.0, 0.5]])
    lines = list(parse(render.diagram([layer], style="full")).iter(f"{SVG}line"))
    seen = {line.get("class"): float(line.get("stroke-opacity")) for line in lines[:3]}
    assert list(seen) == ["fj-zero", "fj-pos", "fj-neg"]
    assert seen["fj-zero"] < seen["fj-pos"] < seen["fj-neg"] < float(lines[3].get("stroke-opacity")) == 1.0


def test_diagram_full_zero_weights():
    layer = make_layers((2, 3), ["tanh"])[0]
    layer.W, layer.b = np.zeros((2, 3)), np.zeros(3)
    root = parse(render.diagram([layer], style="full"))
    assert len(with_class(root, "line", "fj-zero")) == 9


@pytest.mark.parametrize(
    ("widths", "style"),
    [((8, 8), "full"), ((9, 1), "compact"), ((8, 7, 8), "full"), ((8, 8, 7), "full"), ((8, 8, 8), "compact")],
)
def test_diagram_auto(widths, style):
    layers = make_layers(widths, ["tanh"])
    assert render.diagram(layers) == render.diagram(layers, style=style)


def test_diagram_very_deep_abbreviated():
    root = parse(render.diagram(make_layers(*NETWORKS["very deep"])))
    assert len(with_class(root, "g", "fj-layer")) == 17
    assert "983 layers" in texts(root)
    assert {"W1, b1", "W9, b9", "W993, b993", "W1000, b1000"} <= set(texts(root))


@pytest.mark.parametrize("name", NETWORKS)
def test_diagram_texts_inside(name):
    svg = render.diagram(make_layers(*NETWORKS[name]))
    root = parse(svg)
    for text in root.iter(f"{SVG}text"):
        assert 0 < float(text.get("x")) < float(root.get("width"))
        assert 0 < float(text.get("y")) < float(root.get("height"))


@pytest.mark.parametrize("name", NETWORKS)
def test_diagram_factors_do_not_overlap(name):
    pills = with_class(parse(render.diagram(make_layers(*NETWORKS[name]))), "rect", "fj-factor")
    rows = {}
    for pill in pills:
        rows.setdefault(pill.get("y"), []).append((float(pill.get("x")), float(pill.get("width"))))
    for row in rows.values():
        for (x0, width), (x1, _) in zip(row, row[1:], strict=False):
            assert x0 + width + 10 < x1


@pytest.mark.parametrize("style", ["full", "compact"])
def test_diagram_text_escaped(style):
    name = 'a<b & "c"'
    root = parse(render.diagram(make_layers((2, 3), [name]), style=style))
    assert any(name in text for text in texts(root))
    assert name in root.find(f"{SVG}desc").text


@pytest.mark.parametrize("style", ["Full", "", None, 3])
def test_diagram_unknown_style(style):
    with pytest.raises(ValueError, match=re.escape(f"expected 'auto', 'full' or 'compact', got {style!r}")):
        render.diagram(make_layers((2, 3), ["tanh"]), style=style)


def test_diagram_full_too_large():
    with pytest.raises(ValueError, match="expected at most 20,000 connections, got 20,100"):
        render.diagram(make_layers((100, 201), ["tanh"]), style="full")


def test_diagram_pure():
    layers = make_layers((3, 4, 2), ["tanh"])
    for layer in layers:
        layer.W.flags.writeable = layer.b.flags.writeable = False
    assert render.diagram(layers) == render.diagram(layers)


# ------------------------------------------------------------------------------------------------ table


def test_table_snapshot():
    layers = make_layers((784, 64, 5), ["leaky_relu", "prelu"], negative_slope=0.01)
    layers[1].parameters = {"slope": np.ones(5), "approximate": "tanh"}
    layers[1].b = None
    assert render.table(layers) == (
        "layer  in -> out  activation  parameters                        weights\n"
        "    1  784 -> 64  leaky_relu  negative_slope=0.01                50,240\n"
        "    2   64 -> 5   prelu       slope=array(5), approximate=tanh      320\n"
        "                              total                              50,560"
    )


def test_table_abbreviated_beyond_twenty():
    twenty = render.table(make_layers((3,) * 21, ["tanh"])).splitlines()
    assert len(twenty) == 22
    assert [int(line.split()[0]) for line in twenty[1:-1]] == list(range(1, 21))
    more = render.table(make_layers((3,) * 22, ["tanh"])).splitlines()
    assert len(more) == 22
    assert [line.split()[0] for line in more[10:13]] == ["10", "...", "13"]
    assert more[-1].split() == ["total", "252"]


@pytest.mark.parametrize("name", NETWORKS)
def test_table_aligned(name):
    lines = render.table(make_layers(*NETWORKS[name])).splitlines()
    assert len({len(line) for line in lines}) == 1
    rows = [line for line in lines[1:-1] if not line.lstrip().startswith("...")]
    assert len({line.index("->") for line in rows}) == 1


def test_html_picture_and_table():
    root = ET.fromstring(f"<body>{render.html(make_layers((2, 3, 4), ['a<b']))}</body>")
    assert len(root.findall(f".//{SVG}svg")) == 1
    rows = [[cell.text or "" for cell in row] for row in root.findall(".//table//tr")]
    assert rows == [
        ["layer", "in → out", "activation", "parameters", "weights"],
        ["1", "2 → 3", "a<b", "", "9"],
        ["2", "3 → 4", "a<b", "", "16"],
        ["", "", "", "total", "25"],
    ]


# -------------------------------------------------------------------------------------- with the library


def test_network_shows_itself():
    net = fj.Network([(np.ones((2, 3)), np.ones(3), "tanh"), (np.ones((3, 1)), None, "identity")])
    assert net.diagram() == render.diagram(net.layers)
    assert net.diagram(style="compact", jacobian=False) == render.diagram(net.layers, "compact", False)
    assert net.formula(symbolic=True) == render.formula(net.layers, True)
    assert net.formula(symbolic=False) == render.formula(net.layers, False)
    assert net._repr_html_() == render.html(net.layers)
    assert render.table(net.layers) in repr(net)
    assert repr(net).split()[-1] == str(net.n_params)


def test_images_regenerate():
    spec = importlib.util.spec_from_file_location("make_images", IMAGES / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    pictures = make.pictures()
    assert set(pictures) == {path.name for path in IMAGES.glob("*.svg")}
    for name, svg in pictures.items():
        assert (IMAGES / name).read_bytes() == svg.encode(), f"run docs/images/make.py to redraw {name}"


def test_units_that_carry_a_skip_are_drawn_as_such():
    net = fj.Network([fj.Residual([fj.Layer(np.ones((2, 3)), None, "tanh"), fj.Layer(np.ones((3, 2)))])])
    root = parse(net.diagram("full"))
    assert len(with_class(root, "circle", "fj-curve")) == 3
    assert len(with_class(root, "circle", "fj-plain")) == 2 + 2 + 2
    assert "tanh of 3" in texts(parse(net.diagram("compact")))
    assert "tanh of 3" in str(net)
