"""The functions that run through the layers: the value pass, the chain in the order of the plan, J v and w^T J."""

from itertools import pairwise

import numpy as np

from fastjac.export.tables import Products, Tables, literal

# Units of a layer up to which those with f' = 0 are left out: their list stands on the stack, four bytes each.
MAX_N_LISTED = 4096


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
            return self.call(kind, layer.n_out - layer.n_carried, *self.in_common(k), a, d)
        n, dtype = model.padded(layer.n_out), model.net.dtype
        if layer.n_carried:
            n = layer.n_out - layer.n_carried
        each = {name: np.ndim(value) > 0 for name, value in layer.parameters.items()}
        name = f"{model.name}_layer{k + 1}_{layer.activation}" if each else f"{model.name}_{layer.activation}_{n}"
        name += f"_of_{layer.n_out}" * bool(layer.n_carried)
        self.templates.add(f"f_{layer.activation}")
        arguments = "".join(
            f", {self.tables.parameter(k, key)}[i]" if per_unit else
            f", {literal(float(np.asarray(layer.parameters[key], dtype)), dtype)}"
            for key, per_unit in each.items())
        self.activations[name] = (
            f"/* a = f(a) and d = f'(a), f being {layer.activation}"
            f"{f' for the first {n} units; the others carry a skip' * bool(layer.n_carried)}. */\n"
            f"static void {name}({model.real} *restrict a, {model.real} *restrict d)\n"
            "{\n"
            f"    for (int i = 0; i < {n}; i++) {{\n"
            f"        a[i] = {model.name}_f_{layer.activation}(a[i]{arguments}, &d[i]);\n"
            "    }\n"
            + self.carried(k) * bool(layer.n_carried) +
            "}\n")
        return f"    {name}({a}, {d});"

    def in_common(self, k):
        """The parameters of an activation whose units depend on each other, in double."""
        values = self.model.layers[k].parameters.values()
        return [literal(float(np.asarray(value, self.model.net.dtype)), np.dtype(float)) for value in values]

    def carried(self, k):
        """The lines that give the units without activation the derivative 1, and the padding 0."""
        layer = self.model.layers[k]
        first, stop, end = layer.n_out - layer.n_carried, layer.n_out, self.model.padded(layer.n_out)
        return (f"    for (int i = {first}; i < {end}; i++) {{\n"
                f"        d[i] = i < {stop} ? 1 : 0;\n"
                "    }\n")

    def forward(self):
        """The value pass: the value is left in a row, the derivatives in the workspace."""
        model, lines, a = self.model, [], "x"
        if model.net.center is not None:
            a = model.row(1)
            lines.append("    /* the inputs less their center */")
            lines.append(self.call("subtract", model.n_in, "x", self.tables.center(), a))
        for k, layer in enumerate(model.layers):
            affine = self.products.affine(layer.n_in, layer.n_out)
            lines.append(f"    /* layer {k + 1}: {layer.n_in} -> {layer.n_out}, {layer.activation} */")
            lines.append(f"    {affine}({a}, {self.tables.W(k)}, {self.tables.b(k)}, {model.row(k)});")
            if model.kind(k) != "unit":
                lines.append(self.activate(k))
            a = model.row(k)
        if model.gathers:
            lines.append("    /* the derivatives at the selected outputs */")
            lines.append(self.gather(model.at(f"D{model.n_layers}"), model.at("D_OUTPUTS")))
            if n_padding := model.padded(model.n_out) - model.n_out:
                lines.append(f"    memset({model.at('D_OUTPUTS')} + {model.n_out}, 0, {n_padding} * sizeof *work);")
        return self.function("forward", f"const {model.real} *restrict x, {model.real} *restrict work", lines,
                             "The value of every layer in turn; leaves that of the last, and f' of all.")

    def gather(self, source, out):
        """The line that takes the selected outputs of a row."""
        return self.call("gather", self.model.n_out, self.tables.outputs(), source, out)

    def function(self, name, arguments, lines, comment):
        name = f"{self.model.name}_{name}"
        return f"/* {comment} */\nstatic void {name}({arguments})\n" + "\n".join(["{", *lines, "}"]) + "\n"

    # ------------------------------------------------------------ the chain

    def apply(self, k, n_rows, block, forward=False):
        """Lines that multiply the rows of a block by the derivative of layer k, if it is a dense matrix."""
        kind = self.model.kind(k)
        if kind in ("unit", "diagonal"):
            return []
        layer = self.model.layers[k]
        if kind == "log_softmax":
            kind += "_forward" if forward else "_reverse"
        return [self.call(f"apply_{kind}", n_rows, layer.n_out - layer.n_carried, self.model.padded(layer.n_out),
                          self.model.at(f"D{k + 1}"), *self.in_common(k), block)]

    def derivative(self, k):
        """The derivatives of layer k if they are one number for each unit, else NULL."""
        if k < 0 or self.model.kind(k) != "diagonal":
            return "NULL"
        return self.model.at("D_OUTPUTS" if k == self.model.n_layers - 1 and self.model.gathers else f"D{k + 1}")

    def chain(self):
        """The steps of the plan. A block that a reverse step will take is made scaled by that step's derivative."""
        lines = []
        for step, taker in zip(self.model.steps, self.model.plan.scales):
            lines.append(f"    /* {self.describe(step)} */")
            lines += self.step(step, taker)
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
                                  self.tables.of_chain(k, transposed=True), scale, out)
        elif step.kind == "forward":
            lines = self.multiply(step, (step.n_rows, step.n_inner, n_cols), model.at(f"BLOCK_{step.right}"),
                                  self.tables.of_chain(k), self.derivative(k), out)
            lines += self.apply(k, n_rows, out, forward=True)
        else:
            lines = self.meet(step, scale, out)
        return lines + (self.apply(taker, n_rows, out) if taker >= 0 else [])

    def scaled(self, n_rows, ld, A, rows, columns, out):
        """The line out = A with rows and columns scaled; "NULL" where they are not."""
        if rows == columns == "NULL":
            return f"    memcpy({out}, {A}, {n_rows * ld} * sizeof *work);"
        name = "scale_columns" if rows == "NULL" else "scale_rows" if columns == "NULL" else "scale"
        return self.call(name, n_rows, ld, A, *(d for d in (rows, columns) if d != "NULL"), out)

    def form(self, step, scale, out):
        """D W^T, its columns scaled, or its transpose W D."""
        model, k = self.model, step.layer
        n_rows, n_cols = model.shape(step)
        ld, kind = model.padded(n_cols), model.kind(k)
        if step.out_transposed:
            lines = [self.scaled(n_rows, ld, self.tables.of_chain(k), "NULL", self.derivative(k), out)]
            return lines + self.apply(k, n_rows, out, forward=True)
        Wt = self.tables.of_chain(k, transposed=True)
        if kind in ("unit", "diagonal"):
            return [self.scaled(n_rows, ld, Wt, self.derivative(k), scale, out)]
        n_carried = model.layers[k].n_carried
        n = n_rows - n_carried
        lines = [self.call(f"form_{kind}", n, ld, Wt, model.at(f"D{k + 1}"), *self.in_common(k), out)]
        if n_carried:
            lines.append(self.scaled(n_carried, ld, f"{Wt} + {n * ld}", "NULL", "NULL", f"{out} + {n * ld}"))
        if scale != "NULL":
            lines.append(self.scaled(n_rows, ld, out, "NULL", scale, out))
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
        for k, (n_in, n_out) in enumerate(pairwise(model.plan.widths)):
            scale = self.derivative(k)
            name = self.products.product(1, n_in, n_out, scaled=scale != "NULL", strides=(n_in, 1))
            arguments = [T, self.tables.of_chain(k), *([scale] * (scale != "NULL")), model.row(k)]
            lines.append(f"    {name}({', '.join(arguments)});")
            lines += self.apply(k, 1, model.row(k), forward=True)
            T = model.row(k)
        return self.function("push", f"const {model.real} *restrict v, {model.real} *restrict work", lines,
                             "J v, layer by layer; leaves it where the value was.")

    def pull(self):
        """g = w^T J."""
        model, last = self.model, len(self.model.plan.widths) - 2
        R = model.row(last)
        lines = [self.scaled(1, model.n_out, "w", "NULL", self.derivative(last), R)]
        lines += self.apply(last, 1, R)
        for k in range(last, -1, -1):
            (n_in, n_out), scale = model.plan.widths[k : k + 2], self.derivative(k - 1)
            name = self.products.product(1, n_out, n_in, scaled=scale != "NULL", strides=(n_out, 1))
            out = model.row(k + 1)
            arguments = [R, self.tables.of_chain(k, transposed=True), *([scale] * (scale != "NULL")), out]
            lines.append(f"    {name}({', '.join(arguments)});")
            if k > 0:
                lines += self.apply(k - 1, 1, out)
            R = out
        return self.function("pull", f"const {model.real} *restrict w, {model.real} *restrict work", lines,
                             "w^T J, from the last layer to the first.")
