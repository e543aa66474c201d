"""A network as one C99 file and its header: weights, the planned order and nothing else.

The text is made of three parts: functions out of templates (`templates`), tables of weights, and the steps of
the plan as calls with constant sizes.
"""

import os
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastjac._replacing import replacing
from fastjac._version import __version__
from fastjac.activations import ACTIVATIONS
from fastjac.export import casadi, fortran
from fastjac.export.names import as_functions, check_name, check_path
from fastjac.export.templates import Writer, read

# A row of a matrix is padded to whole vectors of any length that compilers have.
VECTOR_NBYTES = 64
# Units of a layer up to which those with f' = 0 are left out: their list stands on the stack, four bytes each.
MAX_N_LISTED = 4096
MAX_N_WORK = 2**31 - 1
# Terms that are summed in a row, as in fastjac/kernels/tile.h.
PIECES = {"double": 128, "float": 64}


def export_c(net, path, name, functions):
    """Write the C file at `path` and beside it the header and the Fortran module; see `Network.export_c`."""
    path, functions = check_path(path), as_functions(functions)
    check_name(name)
    model = Model(net, name, functions, os.path.splitext(os.path.basename(path))[0])
    stem = os.path.splitext(path)[0]
    texts = {
        f"{stem}.h": header(model),
        f"{stem}.f90": fortran.module(model, SIGNATURES, public_names(model)),
        path: source(model),
    }
    for target, text in texts.items():
        with replacing(target) as part, open(part, "w", encoding="ascii", newline="\n") as file:
            file.write(text)


class Model:
    """What the text needs to know of a network: sizes, the place of everything in the workspace, the steps."""

    def __init__(self, net, name, functions, stem):
        self.net, self.name, self.functions, self.stem = net, name, functions, stem
        self.source, self.header = f"{stem}.c", f"{stem}.h"
        self.real = "double" if net.dtype == np.float64 else "float"
        self.layers, self.widths, self.plan = net.layers, net.widths, net.plan()
        self.n_in, self.n_out, self.n_layers = net.n_in, net.n_out, len(net.layers)
        self.write = Writer(name, self.real)
        self.lay_out()

    @property
    def upper(self):
        return self.name.upper()

    @property
    def wants_jacobian(self):
        return bool({"jacobian", "value_and_jacobian"} & set(self.functions))

    def padded(self, n):
        n_lanes = VECTOR_NBYTES // self.net.dtype.itemsize
        return -(-n // n_lanes) * n_lanes

    def kind(self, k):
        """How the derivative of layer k acts: "unit", "diagonal", "softmax" or "log_softmax"."""
        activation = self.layers[k].activation
        return "unit" if activation == "identity" else ACTIVATIONS[activation].kind

    @cached_property
    def steps(self):
        """The steps of the plan but a last turning: the result is turned where it is handed out."""
        steps = self.plan.steps
        return steps[:-1] if steps[-1].kind == "transpose" else steps

    @cached_property
    def result_is_transposed(self):
        return self.plan.steps[-1].kind == "transpose"

    def shape(self, step):
        """Rows and columns of the block that a step makes, as it is stored."""
        if step.kind == "meet" and step.out_transposed:
            return step.n_cols, step.n_rows
        return step.n_rows, step.n_cols

    def lay_out(self):
        """Offsets in the workspace: derivatives, two rows, the blocks of the chain."""
        self.offsets, end = {}, 0
        for k, layer in enumerate(self.layers):
            if self.kind(k) != "unit":
                self.offsets[f"D{k + 1}"] = end
                end += self.padded(layer.n_out)
        widest = max(map(self.padded, self.widths))
        for row in ("ROW_A", "ROW_B"):
            self.offsets[row] = end
            end += widest
        if self.wants_jacobian:
            sizes = {}
            for step in self.steps:
                n_rows, n_cols = self.shape(step)
                slot = self.slot(step)
                sizes[slot] = max(sizes.get(slot, 0), n_rows * self.padded(n_cols))
            for slot in sorted(sizes):
                self.offsets[slot] = end
                end += sizes[slot]
        self.n_work = end
        if end > MAX_N_WORK:
            raise ValueError(f"expected a network whose workspace has fewer than 2**31 numbers, got {end}")

    def slot(self, step):
        return "RESULT" if step is self.steps[-1] else f"BLOCK_{step.out}"

    def at(self, place):
        """A place in the workspace."""
        return f"work + {self.upper}_{place}"

    def row(self, k):
        """Where the value of layer k goes, counted from 0."""
        return self.at("ROW_B" if k % 2 else "ROW_A")


@dataclass
class Products:
    """The products that the text calls: one function for each shape, so that equal layers share their code."""

    model: Model

    def __post_init__(self):
        self.texts = {}

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
            + _head(f"static void {name}", arguments) + "\n{\n"
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

    def b(self, k):
        layer = self.model.layers[k]
        b = np.zeros(layer.n_out) if layer.b is None else layer.b
        return self.matrix(f"b{k + 1}", b[None], f"b of layer {k + 1}")

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
    if value == 0 or value == int(value) and abs(value) < 1000:
        return f"{value:.1f}{suffix}"
    return re.sub(r"\.?0*p", "p", value.hex(), count=1) + suffix


def _head(start, arguments):
    """The head of a function, its arguments broken into lines."""
    lines = [start + "("]
    for i, argument in enumerate(arguments):
        more = argument + (", " if i < len(arguments) - 1 else ")")
        if len(lines[-1]) + len(more.rstrip()) > 118:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * (len(start) + 1))
        lines[-1] += more
    return "\n".join(lines)


class Body:
    """The functions that run through the layers, and what they need."""

    def __init__(self, model):
        self.model, self.products, self.tables = model, Products(model), Tables(model)
        self.activations, self.templates = {}, set()

    def call(self, template, *arguments):
        """A call of a function out of a template."""
        self.templates.add(template)
        return f"    {self.model.name}_{template}({', '.join(map(str, arguments))});"

    # ------------------------------------------------------------ the value pass

    def activate(self, k):
        """The line that turns h of layer k into a, and stores f'."""
        model, layer, kind = self.model, self.model.layers[k], self.model.kind(k)
        a, d = model.row(k), model.at(f"D{k + 1}")
        if kind != "diagonal":
            return self.call(kind, layer.n_out, a, d)
        n, dtype = model.padded(layer.n_out), model.net.dtype
        each = {name: np.ndim(value) > 0 for name, value in layer.parameters.items()}
        name = f"{model.name}_layer{k + 1}_{layer.activation}" if each else f"{model.name}_{layer.activation}_{n}"
        self.templates.add(f"f_{layer.activation}")
        arguments = "".join(
            f", {self.tables.parameter(k, key)}[i]" if per_unit else
            f", {literal(float(np.asarray(layer.parameters[key], dtype)), dtype)}"
            for key, per_unit in each.items())
        self.activations[name] = (
            f"/* a = f(a) and d = f'(a), f being {layer.activation}. */\n"
            f"static void {name}({model.real} *restrict a, {model.real} *restrict d)\n"
            "{\n"
            f"    for (int i = 0; i < {n}; i++) {{\n"
            f"        a[i] = {model.name}_f_{layer.activation}(a[i]{arguments}, &d[i]);\n"
            "    }\n"
            "}\n")
        return f"    {name}({a}, {d});"

    def forward(self):
        """The value pass: the value is left in a row, the derivatives in the workspace."""
        model, lines, a = self.model, [], "x"
        for k, layer in enumerate(model.layers):
            affine = self.products.affine(layer.n_in, layer.n_out)
            lines.append(f"    /* layer {k + 1}: {layer.n_in} -> {layer.n_out}, {layer.activation} */")
            lines.append(f"    {affine}({a}, {self.tables.W(k)}, {self.tables.b(k)}, {model.row(k)});")
            if model.kind(k) != "unit":
                lines.append(self.activate(k))
            a = model.row(k)
        return self.function("forward", f"const {model.real} *restrict x, {model.real} *restrict work", lines,
                             "The value of every layer in turn; leaves that of the last, and f' of all.")

    def function(self, name, arguments, lines, comment):
        name = f"{self.model.name}_{name}"
        return f"/* {comment} */\nstatic void {name}({arguments})\n" + "\n".join(["{", *lines, "}"]) + "\n"

    # ------------------------------------------------------------ the chain

    def apply(self, k, n_rows, block, forward=False):
        """Lines that multiply the rows of a block by the matrix of a softmax, if layer k is one."""
        kind, n = self.model.kind(k), self.model.layers[k].n_out
        if kind in ("unit", "diagonal"):
            return []
        if kind == "log_softmax":
            kind += "_forward" if forward else "_reverse"
        return [self.call(f"apply_{kind}", n_rows, n, self.model.padded(n), self.model.at(f"D{k + 1}"), block)]

    def derivative(self, k):
        """The derivatives of layer k if they are one number for each unit, else NULL."""
        return self.model.at(f"D{k + 1}") if k >= 0 and self.model.kind(k) == "diagonal" else "NULL"

    def chain(self):
        """The steps of the plan. A block that a reverse step will take is made scaled by that step's derivative."""
        lines, places, takers = [], {}, {}
        for i, step in enumerate(self.model.steps):
            if step.kind == "reverse":
                takers[places[step.left]] = step.layer
            places[step.out] = i
        for i, step in enumerate(self.model.steps):
            lines.append(f"    /* {self.describe(step)} */")
            lines += self.step(step, takers.get(i, -1))
        return self.function("chain", f"{self.model.real} *restrict work", lines,
                             "The Jacobian from the derivatives, in the order of the plan.")

    def describe(self, step):
        k, out = step.layer + 1, "J" if step is self.model.steps[-1] else f"block {step.out}"
        if out == "J" and self.model.result_is_transposed:
            out = "J^T"
        turned = " transposed" if step.out_transposed else ""
        if step.kind == "form":
            return f"{out} = D{k} W{k}^T{turned}"
        if step.kind == "reverse":
            return f"{out} = block {step.left} * D{k} W{k}^T"
        if step.kind == "forward":
            return f"{out} = D{k} W{k}^T * block {step.right}{turned}"
        return f"{out} = block {step.left} * block {step.right}{turned}"

    def step(self, step, taker):
        """Lines of one step; `taker` is the layer whose derivative will act on its rows, or -1."""
        model, out = self.model, self.model.at(self.model.slot(step))
        n_rows, n_cols = model.shape(step)
        scale, k = self.derivative(taker), step.layer
        if step.kind == "form":
            lines = self.form(step, scale, out)
        elif step.kind == "reverse":
            lines = self.multiply(step, (step.n_rows, step.n_inner, n_cols), model.at(f"BLOCK_{step.left}"),
                                  self.tables.Wt(k), scale, out)
        elif step.kind == "forward":
            lines = self.multiply(step, (step.n_rows, step.n_inner, n_cols), model.at(f"BLOCK_{step.right}"),
                                  self.tables.W(k), self.derivative(k), out)
            lines += self.apply(k, n_rows, out, forward=True)
        else:
            lines = self.meet(step, scale, out)
        return lines + (self.apply(taker, n_rows, out) if taker >= 0 else [])

    def form(self, step, scale, out):
        """D W^T, its columns scaled, or its transpose W D."""
        model, k = self.model, step.layer
        n_rows, n_cols = model.shape(step)
        ld, kind = model.padded(n_cols), model.kind(k)
        if step.out_transposed:
            lines = [self.call("scale", n_rows, ld, self.tables.W(k), "NULL", self.derivative(k), out)]
            return lines + self.apply(k, n_rows, out, forward=True)
        if kind in ("unit", "diagonal"):
            return [self.call("scale", n_rows, ld, self.tables.Wt(k), self.derivative(k), scale, out)]
        lines = [self.call(f"form_{kind}", n_rows, ld, self.tables.Wt(k), model.at(f"D{k + 1}"), out)]
        if scale != "NULL":
            lines.append(self.call("scale", n_rows, ld, out, "NULL", scale, out))
        return lines

    def meet(self, step, scale, out):
        """The product of two blocks, or its transpose, whose first factor is the block on the right."""
        model = self.model
        left, right = model.at(f"BLOCK_{step.left}"), model.at(f"BLOCK_{step.right}")
        if step.out_transposed:
            strides = (model.padded(step.n_inner), 1) if step.right_transposed else (1, model.padded(step.n_cols))
            return self.multiply(step, (step.n_cols, step.n_inner, step.n_rows), right, left, "NULL", out, strides)
        strides = (1, model.padded(step.n_rows)) if step.left_transposed else (model.padded(step.n_inner), 1)
        return self.multiply(step, (step.n_rows, step.n_inner, step.n_cols), left, right, scale, out, strides)

    def multiply(self, step, shape, A, B, scale, out, strides=None):
        """out = (A B) * scale, without the inactive units where the plan says so."""
        n_inner, scaled = shape[1], scale != "NULL"
        listed = step.sparse >= 0 and n_inner <= MAX_N_LISTED
        name = self.products.product(*shape, scaled=scaled, strides=strides, listed=listed)
        arguments = [A, B, *([scale] * scaled)]
        if not listed:
            return [f"    {name}({', '.join([*arguments, out])});"]
        self.templates.add("list_active")
        d = self.model.at(f"D{step.sparse + 1}")
        return [
            "    {",
            f"        int active[{n_inner}];",
            f"        const int n_active = {self.model.name}_list_active({n_inner}, {d}, active);",
            f"        {name}({', '.join([*arguments, 'n_active', 'active', out])});",
            "    }",
        ]

    # ------------------------------------------------------------ products without J

    def push(self):
        """u = J v."""
        model, lines, T = self.model, [], "v"
        for k, layer in enumerate(model.layers):
            scale = self.derivative(k)
            strides = (layer.n_in, 1)
            name = self.products.product(1, layer.n_in, layer.n_out, scaled=scale != "NULL", strides=strides)
            arguments = [T, self.tables.W(k), *([scale] * (scale != "NULL")), model.row(k)]
            lines.append(f"    {name}({', '.join(arguments)});")
            lines += self.apply(k, 1, model.row(k), forward=True)
            T = model.row(k)
        return self.function("push", f"const {model.real} *restrict v, {model.real} *restrict work", lines,
                             "J v, layer by layer; leaves it where the value was.")

    def pull(self):
        """g = w^T J."""
        model, last = self.model, self.model.n_layers - 1
        R = model.row(last)
        lines = [self.call("scale", 1, model.n_out, "w", "NULL", self.derivative(last), R)]
        lines += self.apply(last, 1, R)
        for k in range(last, -1, -1):
            layer, scale = model.layers[k], self.derivative(k - 1)
            strides = (layer.n_out, 1)
            name = self.products.product(1, layer.n_out, layer.n_in, scaled=scale != "NULL", strides=strides)
            out = model.row(k + 1)
            arguments = [R, self.tables.Wt(k), *([scale] * (scale != "NULL")), out]
            lines.append(f"    {name}({', '.join(arguments)});")
            if k > 0:
                lines += self.apply(k - 1, 1, out)
            R = out
        return self.function("pull", f"const {model.real} *restrict w, {model.real} *restrict work", lines,
                             "w^T J, from the last layer to the first.")


# ---------------------------------------------------------------- the functions for callers

# Name -> (arguments, results, what it does); {J} and its relatives are filled in for each network.
SIGNATURES = {
    "value": (["x"], ["y"], "y = F(x)."),
    "jacobian": (["x"], ["J"], "J of F at x, row-major: J[i*{n_in} + j] is the derivative of y[i] by x[j]."),
    "jacobian_strided": (
        ["x"], ["J", "row_stride", "column_stride"],
        "The same with J[i*row_stride + j*column_stride]; (1, {n_out}) is column-major."),
    "value_and_jacobian": (["x"], ["y", "J"], "y = F(x) and its J, row-major, in one pass."),
    "value_and_jacobian_strided": (
        ["x"], ["y", "J", "row_stride", "column_stride"], "The same with J[i*row_stride + j*column_stride]."),
    "jvp": (["x", "v"], ["u"], "u = J v, without J."),
    "vjp": (["x", "w"], ["g"], "g = w^T J, without J."),
}


def public_names(model):
    """The functions of the header."""
    names = []
    for name in model.functions:
        names += [name, f"{name}_strided"] if "jacobian" in name else [name]
    return names


def head(model, function):
    inputs, outputs, _ = SIGNATURES[function]
    arguments = [f"const {model.real} *{name}" for name in inputs]
    arguments += [f"ptrdiff_t {name}" if "stride" in name else f"{model.real} *{name}" for name in outputs]
    return _head(f"void {model.name}_{function}", [*arguments, f"{model.real} *work"])


def definition(model, body, function):
    """A function of the header."""
    name, upper, kind = model.name, model.upper, function.removesuffix("_strided")
    last = model.row(model.n_layers - 1)

    def copied(n, source, out):
        return f"    memcpy({out}, {source}, {n} * sizeof *{out});"

    lines = [f"    {name}_forward(x, work);"]
    if kind in ("value", "value_and_jacobian"):
        lines.append(copied(model.n_out, last, "y"))
    if kind in ("jacobian", "value_and_jacobian"):
        n_rows, n_cols = (model.n_in, model.n_out) if model.result_is_transposed else (model.n_out, model.n_in)
        strides = ["row_stride", "column_stride"] if "strided" in function else [f"{upper}_N_IN", "1"]
        if model.result_is_transposed:
            strides.reverse()
        lines.append(f"    {name}_chain(work);")
        lines.append(body.call("deliver", n_rows, n_cols, model.padded(n_cols), model.at("RESULT"), "J", *strides))
    if kind == "jvp":
        lines += [f"    {name}_push(v, work);", copied(model.n_out, last, "u")]
    if kind == "vjp":
        lines += [f"    {name}_pull(w, work);", copied(model.n_in, model.row(1), "g")]
    return "\n".join([head(model, function), "{", *lines, "}"]) + "\n"


def shortened(text, limit=88):
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 2 :]}"


def description(model):
    """What the network is, as lines of a comment."""
    parts = [str(model.n_in)] + [f"{layer.n_out} {layer.activation}" for layer in model.layers]
    n_value = sum(layer.W.size for layer in model.layers)
    plan = model.plan
    return [
        shortened(" - ".join(parts)) + f", {model.real}",
        f"J = {shortened(plan.bracketing)} with A_k = D_k W_k^T",
        f"multiply-adds: {n_value:,} for the value, {plan.multiply_adds:,} more for J",
    ]


def source(model):
    """The C file."""
    body = Body(model)
    runs = [body.forward()]
    if model.wants_jacobian:
        runs.append(body.chain())
    if "jvp" in model.functions:
        runs.append(body.push())
    if "vjp" in model.functions:
        runs.append(body.pull())
    public = [definition(model, body, function) for function in public_names(model)]
    for_casadi = casadi.symbols(model)
    in_products = {"list_active", "deliver", "scale"}
    matrix = [model.write.closure({"multiply"}), model.write.closure(body.templates & in_products)]
    offsets = ",\n".join(f"    {model.upper}_{place} = {offset}" for place, offset in model.offsets.items())
    comment = "\n".join(f" *   {line}" for line in description(model))
    return "\n".join([
        f"/* {model.name}: a feed-forward network with its exact Jacobian; written by fastjac {__version__}.\n *\n"
        f"{comment}\n *\n"
        f" * Compile with   cc -std=c99 -O3 -march=native -c {model.source}   and link with -lm; {model.header} says\n"
        " * how to call it. No heap, no variables that outlive a call, no locks: any number of threads may call.\n */",
        model.write(read("fastjac.export", "prelude.h")),
        f'#include "{model.header}"\n',
        f"/* Terms that are summed in a row. */\n#define {model.upper}_PIECE {PIECES[model.real]}\n",
        "/* Where things are in the workspace: derivatives, rows of values, blocks of the chain. */\n"
        f"enum {{\n{offsets}\n}};\n",
        rule("Weights"),
        *body.tables.texts.values(),
        rule("Activations"),
        model.write.closure(body.templates - in_products),
        *body.activations.values(),
        rule("Products"),
        FUSED_FROM_HERE,
        *matrix,
        *body.products.texts.values(),
        FUSED_UP_TO_HERE,
        rule("The network"),
        *runs,
        *public,
        *([rule("Symbols for CasADi's external"), for_casadi] if for_casadi else []),
    ])


FUSED_FROM_HERE = """/* In sums of products, a*b + c may be fused. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif
"""

FUSED_UP_TO_HERE = """#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
"""


def rule(title):
    return f"/* {'-' * 64} {title} */\n"


def header(model):
    """The header."""
    upper, sizes = model.upper, {"n_in": model.n_in, "n_out": model.n_out}
    comment = "\n".join(f" *   {line}" for line in description(model))
    about = {
        "x": f"{model.n_in} inputs", "v": f"{model.n_in} numbers", "w": f"{model.n_out} numbers",
        "y": f"{model.n_out} outputs", "J": f"{model.n_out} x {model.n_in} numbers",
        "u": f"{model.n_out} numbers", "g": f"{model.n_in} numbers",
        "row_stride": "numbers from J[i, j] to J[i + 1, j]", "column_stride": "numbers from J[i, j] to J[i, j + 1]",
    }
    functions = []
    for function in public_names(model):
        inputs, outputs, text = SIGNATURES[function]
        lines = [f"/** {text.format(**sizes)}", " *"]
        for argument in (*inputs, *outputs):
            direction = "in" if argument in inputs or "stride" in argument else "out"
            lines.append(f" * @param[{direction}] {argument}  {about[argument]}")
        lines += [f" * @param work  {upper}_N_WORK numbers, overwritten", " */", head(model, function) + ";", ""]
        functions.append("\n".join(lines))
    return "\n".join([
        f"/** @file\n * {model.name}: a feed-forward network with its exact Jacobian; written by fastjac {__version__}."
        f"\n *\n{comment}\n *\n"
        f" * The caller owns all memory. `work` is scratch for one call at a time: {upper}_N_WORK numbers, a local or\n"
        " * static array or one from the heap, best at an address that is a multiple of 64. Results must not overlap\n"
        " * inputs or `work`. NaN and infinities go through as IEEE 754 says; no function can fail.\n */",
        f"#ifndef {upper}_H\n#define {upper}_H\n",
        "#include <stddef.h>\n",
        "/** Inputs. */",
        f"#define {upper}_N_IN {model.n_in}",
        "/** Outputs. */",
        f"#define {upper}_N_OUT {model.n_out}",
        "/** Numbers in the workspace. */",
        f"#define {upper}_N_WORK {model.n_work}\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\n',
        *functions,
        "#ifdef __cplusplus\n}\n#endif\n",
        "#endif",
    ]) + "\n"
