"""The text format `.nnet` of ReLU networks with normalisation, as used for ACAS Xu.

After a header of lines that start with `//`, numbers separated by commas, one record per line:

    n_layers, n_in, n_out, largest width
    the n_layers + 1 widths
    a flag that nothing uses
    the smallest and, on the next line, the largest value of each input
    means of the inputs and one of all outputs; on the next line, their ranges
    per layer: n_out rows of n_in weights, then n_out lines of one bias

Hidden layers are relu, the last one is linear.
"""

import math
import os
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fastjac.formats.errors import ModelFormatError
from fastjac.layer import Layer
from fastjac.network import Network


def from_nnet(path, *, normalize=True, clip=True, dtype=None):
    r"""Network of a `.nnet` file: :math:`y = r_y\, F((\mathrm{clip}(x) - m) / r) + m_y`.

    By default the network takes and gives physical units, and computes what the format's
    reference evaluator computes: inputs are clipped to the bounds in the file and normalised
    with its means m and ranges r; the output is scaled back with m_y and r_y.

    Parameters
    ----------
    path : str or path-like
    normalize : bool
        Fold the normalisation into the first and the last layer. Each new weight is formed in
        extended precision and rounded once. With ``False`` the network takes inputs that are
        normalised already, and its outputs are not scaled back.
    clip : bool
        Begin with a layer W = I, hard_tanh with one pair of bounds per input. With
        ``normalize=False`` the bounds are those of the normalised inputs.
    dtype : float32, float64 or None
        Of the network; None means float64.

    Returns
    -------
    Network
        J[i, j] is in units of output i per unit of input j (without normalisation: both are
        the normalised, dimensionless quantities). With `clip`, column j is 0 wherever input j
        is **at or outside** one of its bounds: inside, the derivative is that of the network;
        at a bound the one-sided derivatives differ and the 0 of the outside is taken.
        An infinite input gives NaN, as in any product with a weight of zero.

    Raises
    ------
    ModelFormatError
        If the content is not a `.nnet` file; the message names the line.
    OSError
        If the file cannot be opened.

    References
    ----------
    K. D. Julian, "Neural Network File Format", Stanford Intelligent Systems Laboratory, 2016.
    """
    dtype = np.dtype(np.float64 if dtype is None else dtype)
    content = _read(path)
    weights = [(W.astype(np.longdouble), b.astype(np.longdouble)) for W, b in content.layers]
    if normalize:
        W, b = weights[0]
        weights[0] = W / content.ranges[:-1, None], b - (content.means[:-1] / content.ranges[:-1]) @ W
        W, b = weights[-1]
        weights[-1] = W * content.ranges[-1], b * content.ranges[-1] + content.means[-1]
    layers = [Layer(_rounded(path, W, dtype), _rounded(path, b, dtype), "relu") for W, b in weights[:-1]]
    W, b = weights[-1]
    layers.append(Layer(_rounded(path, W, dtype), _rounded(path, b, dtype), "identity"))
    if clip:
        layers.insert(0, _clip_layer(path, content, normalize, dtype))
    return Network(layers, dtype=dtype)


@dataclass
class _Content:
    """What the file says; `layers` are pairs (W, b) with W (n_in, n_out)."""

    minima: np.ndarray
    maxima: np.ndarray
    means: np.ndarray
    ranges: np.ndarray
    layers: list


def _clip_layer(path, content, normalize, dtype):
    bounds = np.stack([content.minima, content.maxima]).astype(np.longdouble)
    if not normalize:
        bounds = (bounds - content.means[:-1]) / content.ranges[:-1]
    lower, upper = bounds.astype(dtype).astype(np.float64)
    for j in np.flatnonzero(lower >= upper):
        raise ModelFormatError(
            f"{path}: expected the smallest value of input {j + 1} to lie "
            f"below the largest to clip to, got {lower[j]} and {upper[j]}; clip=False reads the file without"
        )
    return Layer(np.eye(lower.size, dtype=dtype), None, "hard_tanh", min=lower, max=upper)


def _rounded(path, array, dtype):
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    if not np.isfinite(array).all():
        raise ModelFormatError(
            f"{path}: expected weights within the range of {dtype} after normalisation, "
            "got an overflow; try normalize=False"
        )
    return array


def _read(path):
    with open(path, "rb") as file:
        lines = _Lines(path, file)
        n_layers, n_in, n_out, _ = lines.integers(4, "number of layers, inputs, outputs and largest width")
        widths = lines.integers(n_layers + 1, f"widths ({n_layers} layers)")
        if (widths[0], widths[-1]) != (n_in, n_out):
            lines.fail(f"widths from {n_in} to {n_out} as announced", f"{widths[0]} to {widths[-1]}")
        n_numbers = sum((n + 1) * m for n, m in pairwise(widths))
        # A number takes two bytes at least: an absurd size is found before anything is allocated.
        n_bytes = os.fstat(file.fileno()).st_size
        if n_numbers > n_bytes // 2 + 1:
            lines.fail(f"{n_numbers} weights and biases", f"a file of {n_bytes} bytes")
        lines.floats(1, "flag")
        minima = lines.floats(n_in, "smallest values of the inputs")
        maxima = lines.floats(n_in, "largest values of the inputs")
        means = lines.floats(n_in + 1, "means of the inputs and of the outputs")
        ranges = lines.floats(n_in + 1, "ranges of the inputs and of the outputs")
        if min(ranges) <= 0:
            lines.fail("ranges greater than 0", f"{min(ranges)}")
        layers = []
        for k, (n, m) in enumerate(pairwise(widths), start=1):
            rows = [lines.floats(n, f"weights of neuron {i} of layer {k}") for i in range(1, m + 1)]
            b = [lines.floats(1, f"bias of neuron {i} of layer {k}")[0] for i in range(1, m + 1)]
            layers.append((np.array(rows).T, np.array(b)))
        lines.end()
    return _Content(np.array(minima), np.array(maxima), np.array(means), np.array(ranges), layers)


class _Lines:
    """The lines of the file behind its header, as numbers, with the place for error messages."""

    def __init__(self, path, file):
        self.path = path
        self.file = file
        self.number = 0
        self.commas = [False, False]  # whether the last two lines end in a comma
        self.header = True

    def _next(self):
        """The next line without its end, None after the last one."""
        for raw in self.file:
            self.number += 1
            try:
                line = raw.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                self.fail("text in UTF-8", f"the byte 0x{raw[error.start]:02x}")
            self.header = self.header and line.startswith("//")
            if not self.header:
                return line
        self.number += 1
        return None

    def fail(self, expected, got):
        raise ModelFormatError(f"{self.path}, line {self.number}: expected {expected}, got {got}") from None

    def _fields(self, n, what):
        line = self._next()
        self.what = f"{n} {'value' if n == 1 else 'values'}, {what}"
        if line is None:
            self.fail(self.what, "the end of the file")
        self.commas = [self.commas[1], line.endswith(",")]
        fields = line.removesuffix(",").split(",") if line else []
        if len(fields) != n:
            self.fail(self.what, f"{len(fields)}")
        return fields

    def floats(self, n, what):
        values = []
        for field in self._fields(n, what):
            try:
                value = math.nan if "_" in field else float(field)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                self.fail(f"{self.what}, finite numbers", repr(field[:40].strip()))
            values.append(value)
        return values

    def integers(self, n, what):
        values = []
        for field in self._fields(n, what):
            digits = field.strip()
            if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and int(digits) > 0):
                self.fail(f"{self.what}, positive integers", repr(digits[:40]))
            values.append(int(digits))
        return values

    def end(self):
        # A last number that lost its end is still a number, but it has lost its comma, too.
        if self.commas == [True, False]:
            self.fail("a comma at the end as on the line before", "a line that is cut off")
        while (line := self._next()) is not None:
            if line:
                self.fail("the end of the file", repr(line[:40]))
