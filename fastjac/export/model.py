"""What the text of a network needs to know: sizes, the steps, and the place of everything in the workspace."""

from functools import cached_property

import numpy as np

from fastjac.activations import ACTIVATIONS
from fastjac.export.templates import Writer
from fastjac.planning import padded

# A row of a matrix is padded to whole vectors of any length that compilers have.
VECTOR_NBYTES = 64
MAX_N_WORK = 2**31 - 1


class Model:
    """A network, the name and functions that it is exported with, and the layout of its workspace."""

    def __init__(self, net, name, functions, stem):
        self.net, self.name, self.functions, self.stem = net, name, functions, stem
        self.source, self.header = f"{stem}.c", f"{stem}.h"
        self.real = "double" if net.dtype == np.float64 else "float"
        self.layers, self.widths, self.plan = net.layers, net.widths, net.plan()
        self.n_in, self.n_wrt, self.n_out, self.n_layers = net.n_in, net.n_wrt, net.n_out, len(net.layers)
        # The inputs by which J is, and the outputs, where only some are selected.
        self.wrt, self.outputs = getattr(net, "wrt", None), getattr(net, "outputs", None)
        self.write = Writer(name, self.real)
        for layer in self.layers:
            self.write.add(ACTIVATIONS[layer.activation])
        self.lay_out()

    @property
    def upper(self):
        return self.name.upper()

    @property
    def wants_jacobian(self):
        return bool({"jacobian", "value_and_jacobian"} & set(self.functions))

    def padded(self, n):
        return padded(n, VECTOR_NBYTES // self.net.dtype.itemsize)

    def kind(self, k):
        """How the derivative of layer k acts: "unit", "diagonal", or the name of one that is a dense matrix."""
        activation = self.layers[k].activation if k < self.n_layers else "identity"
        return "unit" if activation == "identity" else ACTIVATIONS[activation].kind

    @property
    def picks(self):
        """Whether the chain has one factor more than layers, which picks outputs where all are needed."""
        return len(self.plan.widths) - 1 > self.n_layers

    @property
    def gathers(self):
        """Whether the derivatives of the last layer are wanted at some outputs only."""
        return self.outputs is not None and self.kind(self.n_layers - 1) == "diagonal"

    def is_part(self, k):
        """Whether factor k of the chain has a weight of its own: some rows or columns of the layer's, or picks."""
        first, last = k == 0 and self.wrt is not None, k >= self.n_layers - 1 and self.outputs is not None
        return first or (last and not (self.picks and k < self.n_layers))

    def weight(self, k):
        """W of factor k of the chain."""
        if k == self.n_layers:
            return np.eye(self.layers[-1].n_out)[:, self.outputs]
        W = self.layers[k].W
        if k == 0 and self.wrt is not None:
            W = W[self.wrt]
        if k == self.n_layers - 1 and self.outputs is not None and not self.picks:
            W = W[:, self.outputs]
        return W

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
        if self.gathers:
            self.offsets["D_OUTPUTS"] = end
            end += self.padded(self.n_out)
        widest = max(map(self.padded, (*self.widths, *self.plan.widths)))
        for row in ("ROW_A", "ROW_B"):
            self.offsets[row] = end
            end += widest
        if self.wants_jacobian:
            sizes = {}
            for step in self.steps:
                n_rows, n_cols = self.shape(step)
                slot = self.slot(step)
                sizes[slot] = max(sizes.get(slot, 0), n_rows * self.padded(n_cols))
            for slot, size in sizes.items():
                self.offsets[slot] = end
                end += size
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
