"""The `.nnet` reader: what it computes, and what it says about a file that is not one."""

import os
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from fastjac.formats import ModelFormatError, from_nnet

WIDTHS = (3, 4, 5, 2)


class Content:
    """Random content of a file, and what the format's definition says it computes."""

    def __init__(self, widths=WIDTHS, seed=0):
        rng = np.random.default_rng(seed)
        self.widths = widths
        self.minima = rng.uniform(-9, -3, widths[0])
        self.maxima = rng.uniform(3, 9, widths[0])
        self.means = rng.uniform(-1, 1, widths[0] + 1)
        self.ranges = rng.uniform(2, 20, widths[0] + 1)
        self.weights = [(rng.normal(size=(n, m)), rng.normal(size=m)) for n, m in pairwise(widths)]

    def text(self, comma=","):
        def record(*numbers):
            return ",".join(repr(n) for n in numbers) + comma

        lines = ["// a comment", "// another"]
        lines.append(record(len(self.weights), self.widths[0], self.widths[-1], max(self.widths)))
        lines += [record(*self.widths), record(0)]
        lines += [record(*array.tolist()) for array in (self.minima, self.maxima, self.means, self.ranges)]
        for W, b in self.weights:
            lines += [record(*row) for row in W.T.tolist()] + [record(number) for number in b.tolist()]
        return "\n".join(lines) + "\n"

    def evaluate(self, x, normalize=True, clip=True):
        """Value and Jacobian at one point, neuron by neuron."""
        lower, upper = self.minima, self.maxima
        if not normalize:
            lower, upper = ((v - self.means[:-1]) / self.ranges[:-1] for v in (lower, upper))
        inside = np.ones(x.size, bool)
        if clip:
            inside = (x > lower) & (x < upper)
            x = np.clip(x, lower, upper)
        a = (x - self.means[:-1]) / self.ranges[:-1] if normalize else x
        J = np.diag(inside / (self.ranges[:-1] if normalize else 1.0))
        for k, (W, b) in enumerate(self.weights, start=1):
            h = [sum(W[i, j] * a[i] for i in range(a.size)) + b[j] for j in range(b.size)]
            on = [k == len(self.weights) or h[j] > 0 for j in range(b.size)]
            J = np.array([sum(W[i, j] * J[i] for i in range(a.size)) * on[j] for j in range(b.size)])
            a = np.array([h[j] * on[j] for j in range(b.size)])
        return (a * self.ranges[-1] + self.means[-1], J * self.ranges[-1]) if normalize else (a, J)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "network.nnet"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize("comma", [",", ""])
@pytest.mark.parametrize("widths", [(1, 1), (3, 2), WIDTHS])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("clip", [True, False])
def test_value_and_jacobian_follow_definition(write, widths, normalize, clip, comma):
    content = Content(widths)
    net = from_nnet(write(content.text(comma)), normalize=normalize, clip=clip)
    for x in np.random.default_rng(1).uniform(-12, 12, (50, widths[0])):
        y, J = net.value_and_jacobian(x)
        y_expected, J_expected = content.evaluate(x, normalize, clip)
        np.testing.assert_allclose(y, y_expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(J, J_expected, rtol=1e-12, atol=1e-13)


def test_derivative_at_and_outside_clip_is_zero(write):
    content = Content((3, 2))
    net = from_nnet(write(content.text()))
    for j in range(3):
        for bound, outwards in ((content.minima, -1.0), (content.maxima, 1.0)):
            for x_j, is_zero in (
                (bound[j], True),
                (bound[j] + outwards, True),
                (np.nextafter(bound[j], -outwards * np.inf), False),
            ):
                x = np.zeros(3)
                x[j] = x_j
                J = net.jacobian(x)
                assert np.all(J[:, j] == 0) == is_zero
                assert np.all(J[:, [i for i in range(3) if i != j]] != 0)


def test_layers(write):
    net = from_nnet(write(Content().text()))
    assert [layer.activation for layer in net.layers] == ["hard_tanh", "relu", "relu", "identity"]
    assert tuple(net.widths) == (3, 3, 4, 5, 2)
    assert tuple(from_nnet(write(Content().text()), clip=False).widths) == WIDTHS


@pytest.mark.parametrize("dtype", ["float32", np.float64, None])
def test_dtype(write, dtype):
    net = from_nnet(write(Content().text()), dtype=dtype)
    assert net.dtype == np.dtype(np.float64 if dtype is None else dtype)
    assert net.jacobian(np.zeros(3)).dtype == net.dtype


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no extra bits here")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_folded_weights_are_rounded_once(write, dtype):
    content = Content()
    net = from_nnet(write(content.text()), clip=False, dtype=dtype)
    exact_first = [
        [Fraction(w) / Fraction(r) for w in row]
        for row, r in zip(content.weights[0][0].tolist(), content.ranges.tolist())
    ]
    exact_last = [
        [Fraction(w) * Fraction(float(content.ranges[-1])) for w in row]
        for row in content.weights[-1][0].tolist()
    ]
    for W, exact in ((net.layers[0].W, exact_first), (net.layers[-1].W, exact_last)):
        for row, exact_row in zip(W, exact):
            for w, value in zip(row, exact_row):
                ulp = Fraction(float(np.spacing(abs(w))))
                assert abs(Fraction(float(w)) - value) <= Fraction(501, 1000) * ulp


def test_truncated_at_every_line(write):
    lines = Content().text().splitlines(keepends=True)
    for n in range(len(lines)):
        # Long before the end, the sizes on line 4 already do not fit the bytes that are there.
        place = rf"line {n + 1}: .* got the end of the file|line 4: .* got a file of \d+ bytes"
        with pytest.raises(ModelFormatError, match=place):
            from_nnet(write("".join(lines[:n])))


def test_truncated_at_every_byte(write):
    """Case 81, as far as text can tell: without its last line end the content is complete."""
    text = Content((2, 2, 2)).text()
    for n in range(len(text) - 1):
        with pytest.raises(ModelFormatError):
            from_nnet(write(text[:n]))
    from_nnet(write(text[:-1]))


@pytest.mark.parametrize(
    ("line", "content", "message"),
    [
        (3, "3,3,2", "4 values, number of layers, inputs, outputs and largest width, got 3"),
        (3, "0,3,2,5,", "positive integers, got '0'"),
        (3, "-3,3,2,5,", "positive integers, got '-3'"),
        (3, "3.0,3,2,5,", "positive integers, got '3.0'"),
        (3, "3,3,2," + "9" * 5000 + ",", "positive integers, got '9{40}'"),
        (3, "1000000000000,3,2,5,", "line 4: expected 1000000000001 values, .* got 4"),
        (4, "3,4,5,", "4 values, widths .3 layers., got 3"),
        (4, "3,4,5,7,", "widths from 3 to 2 as announced, got 3 to 7"),
        (4, "3,4,0,2,", "positive integers, got '0'"),
        (4, "3,1000000000000,5,2,", "9000000000017 weights and biases, got a file of"),
        (5, "zero,", "flag, finite numbers, got 'zero'"),
        (6, "1,2,", "3 values, smallest values of the inputs, got 2"),
        (6, "1,2,3,,", "smallest values of the inputs, got 4"),
        (7, "", "largest values of the inputs, got 0"),
        (8, "1,2,3,", "4 values, means of the inputs and of the outputs, got 3"),
        (8, "1,,3,4", "finite numbers, got ''"),
        (9, "1,0.0,3,4,", "ranges greater than 0, got 0.0"),
        (9, "1,1,3,-4,", "ranges greater than 0, got -4.0"),
        (10, "1,2", "3 values, weights of neuron 1 of layer 1, got 2"),
        (10, "1,2,nan", "finite numbers, got 'nan'"),
        (11, "1,-inf,2,", "finite numbers, got '-inf'"),
        (12, "1,1e999,2,", "finite numbers, got '1e999'"),
        (13, "1,1_0,2,", "finite numbers, got '1_0'"),
        (14, "1,2,", "1 value, bias of neuron 1 of layer 1, got 2"),
    ],
)
def test_broken_line(write, line, content, message):
    lines = Content().text().splitlines()
    lines[line - 1] = content
    with pytest.raises(
        ModelFormatError, match=message if "line" in message else rf"line {line}: .*{message}"
    ):
        from_nnet(write("\n".join(lines)))


def test_text_after_end(write):
    text = Content().text()
    from_nnet(write(text + "\n  \n"))
    with pytest.raises(ModelFormatError, match="expected the end of the file, got '1.0,'"):
        from_nnet(write(text + "1.0,\n"))


def test_absurd_sizes_allocate_nothing(write):
    """Case 84."""
    lines = Content().text().splitlines()
    lines[3] = "3,1000000000000,1000000000000,2"
    path = write("\n".join(lines))
    tracemalloc.start()
    try:
        with pytest.raises(ModelFormatError):
            from_nnet(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_not_utf8(write):
    with pytest.raises(ModelFormatError, match="line 2: expected text in UTF-8, got the byte 0xff"):
        from_nnet(write(b"// header\n\xff\xfe"))


@pytest.mark.parametrize("content", ["", "// only a header\n"])
def test_empty(write, content):
    with pytest.raises(ModelFormatError, match="got the end of the file"):
        from_nnet(write(content))


def test_bounds_that_do_not_bound(write):
    content = Content()
    content.minima[1] = content.maxima[1]
    with pytest.raises(ModelFormatError, match="smallest value of input 2 to lie below .* clip=False"):
        from_nnet(write(content.text()))
    from_nnet(write(content.text()), clip=False)


def test_overflow_in_normalisation(write):
    content = Content()
    content.ranges[0] = 1e-308
    content.weights[0][0][0] = 1e10
    with pytest.raises(ModelFormatError, match="normalize=False"):
        from_nnet(write(content.text()))
    from_nnet(write(content.text()), normalize=False, clip=False)


def test_operating_system_errors(tmp_path, write):
    """Case 92."""
    with pytest.raises(FileNotFoundError):
        from_nnet(tmp_path / "missing.nnet")
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        from_nnet(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_permission(write):
    path = write(Content().text())
    path.chmod(0)
    with pytest.raises(PermissionError):
        from_nnet(path)
