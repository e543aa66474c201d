"""What the steps of a network call and read: products of one shape each, and tables of weights."""

import re

import numpy as np


class Products:
    """The products that the text calls: one function for each shape, so that equal layers share their code."""

    def __init__(self, model):
        self.model, self.texts = model, {}

    def affine(self, n_in, n_out):
        """Name of h = W^T a + b."""
        name, real = f"{self.model.name}_affine_{n_in}x{n_out}", self.model.real
        ld = self.model.padded(n_out)
        self.texts[name] = (
            f"/* h = W^T a + b for {n_in} inputs and {n_out} units. */\n"
            f"static void {name}(const {real} *restrict a, const {real} *restrict W, const {real} *restrict b,\n"
            f"{' ' * len(f'static void {name}(')}{real} *restrict h)\n"
            "{\n"
            f"    {self.model.name}_multiply(1, {n_in}, NULL, a, {n_in}, 1, W, {ld}, b, NULL, h);\n"
            "}\n")
        return name

    def product(self, n_rows, n_inner, n_cols, *, scaled, strides=None, listed=False):
        """Name of out = (A B) * scale; with `listed`, the sum goes over the units that an index lists."""
        A_row, A_inner = strides or (self.model.padded(n_inner), 1)
        turned = "_turned" if A_inner != 1 else ""
        name = f"{self.model.name}_product_{n_rows}x{n_inner}x{n_cols}{turned}"
        name += "_listed" * listed + "_scaled" * scaled
        real = self.model.real
        arguments = [f"const {real} *restrict A", f"const {real} *restrict B"]
        arguments += [f"const {real} *restrict scale"] * scaled
        arguments += ["int n_listed", "const int *restrict listed"] * listed
        arguments += [f"{real} *restrict out"]
        what = f"out = A{'^T' if turned else ''} B" + ", each column times its number of `scale`" * scaled
        terms = "n_listed, listed" if listed else f"{n_inner}, NULL"
        self.texts[name] = (
            f"/* {what}: {n_rows} x {n_inner}{', of which some are listed,' * listed} x {n_cols}. */\n"
            + function_head(f"static void {name}", arguments) + "\n{\n"
            f"    {self.model.name}_multiply({n_rows}, {terms}, A, {A_row}, {A_inner}, B, "
            f"{self.model.padded(n_cols)}, NULL, {'scale' if scaled else 'NULL'}, out);\n"
            "}\n")
        return name


class Tables:
    """The weights that the text reads, each in the orders in which it is read."""

    def __init__(self, model):
        self.model, self.texts = model, {}

    def W(self, k):
        """Name of W of layer k."""
        return self.matrix(f"W{k + 1}", self.model.layers[k].W, f"W of layer {k + 1}")

    def Wt(self, k):
        """Name of its transpose."""
        return self.matrix(f"W{k + 1}t", self.model.layers[k].W.T, f"W^T of layer {k + 1}")

    def of_chain(self, k, transposed=False):
        """Name of the weight, or its transpose, of factor k of the chain."""
        if not self.model.is_part(k):
            return self.Wt(k) if transposed else self.W(k)
        W = self.model.weight(k)
        what = f"what is selected of W of layer {k + 1}" if k < self.model.n_layers else "1 at the selected outputs"
        if transposed:
            return self.matrix(f"W{k + 1}t_part", W.T, f"{what}, transposed")
        return self.matrix(f"W{k + 1}_part", W, what)

    def outputs(self):
        """Name of the table of the selected outputs."""
        full = f"{self.model.name}_outputs"
        self.texts[full] = (
            f"/* The selected outputs. */\nstatic const int {full}[{self.model.n_out}] = {{\n    "
            + ", ".join(map(str, self.model.outputs)) + "\n};\n")
        return full

    def b(self, k):
        layer = self.model.layers[k]
        b = np.zeros(layer.n_out) if layer.b is None else layer.b
        return self.matrix(f"b{k + 1}", b[None], f"b of layer {k + 1}")

    def center(self):
        return self.matrix("center", self.model.net.center[None], "what is subtracted from the inputs")

    def parameter(self, k, name):
        """A parameter of the activation of layer k, one number for each unit; the last stands for the padding."""
        value = self.model.layers[k].parameters[name]
        return self.matrix(f"{name}{k + 1}", value[None], f"{name} of layer {k + 1}", mode="edge")

    def matrix(self, name, array, what, mode="constant"):
        full = f"{self.model.name}_{name}"
        if full not in self.texts:
            (n_rows, n_cols), ld = array.shape, self.model.padded(array.shape[1])
            padded = np.pad(np.asarray(array, np.float64), ((0, 0), (0, ld - n_cols)), mode=mode)
            shape = f"{n_rows} rows of {n_cols}" if n_rows > 1 else f"{n_cols} numbers"
            self.texts[full] = (
                f"/* {what}: {shape}{f', padded to {ld}' if ld > n_cols else ''}. */\n"
                f"static const {self.model.real} {full}[{n_rows * ld}] {self.model.upper}_ALIGNED = {{\n"
                f"{numbers(padded, self.model.net.dtype)}\n}};\n")
        return full


def numbers(array, dtype):
    """The numbers of an array as hexadecimal literals, which are exact."""
    with np.errstate(under="ignore"):
        values = array.astype(dtype).astype(np.float64).ravel().tolist()
    texts = [literal(value, dtype) for value in values]
    n_in_line = 4 if dtype == np.float64 else 6
    return ",\n".join("    " + ", ".join(texts[i : i + n_in_line]) for i in range(0, len(texts), n_in_line))


def literal(value, dtype):
    """`value` as a hexadecimal literal of C99."""
    suffix = "" if dtype == np.float64 else "f"
    if value == 0 or (value == int(value) and abs(value) < 1000):
        return f"{value:.1f}{suffix}"
    return re.sub(r"\.?0*p", "p", value.hex(), count=1) + suffix


def function_head(start, arguments):
    """The head of a function, its arguments broken into lines."""
    lines = [start + "("]
    for i, argument in enumerate(arguments):
        more = argument + (", " if i < len(arguments) - 1 else ")")
        if len(lines[-1]) + len(more.rstrip()) > 118:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * (len(start) + 1))
        lines[-1] += more
    return "\n".join(lines)
