"""From what users list to dense layers: neighbours merged, skips carried along, the inputs' center apart.

With A = diag(s) (a − c) + t before a layer, Wᵀ A + b = (diag(s) W)ᵀ (a − c) + (b + Wᵀ t), and with A behind it
A(Wᵀ a + b) = (W diag(s))ᵀ a + (s (b − c) + t). A block a + g(a) becomes layers whose last units are those of a,
and a last layer that adds: [W; I] with the weight of g's last layer.
"""

import numpy as np

from fastjac._program import Program
from fastjac.layer import Layer, with_center
from fastjac.parts import Affine, Concatenation, Elementwise, LayerNorm, Residual
from fastjac.skips import split_skips


def lower(parts):
    """Dense layers that do what `parts` do, one after the other; the first one holds the center of their inputs.

    Parameters
    ----------
    parts : sequence of Layer, Elementwise, Affine, LayerNorm, RMSNorm, Residual, Concatenation, Network

    Returns
    -------
    tuple of Layer

    Raises
    ------
    ValueError
        If two parts do not fit, or the first ones do not tell how many inputs there are.
    """
    lowering = Lowering(None)
    for k, part in enumerate(parts, 1):
        try:
            lowering.add(part)
        except ValueError as error:
            raise ValueError(f"layer {k}: {error}") from None
    return lowering.finished()


def dtype_of(parts):
    """float32 if all arrays that were given are, else float64."""
    found = [np.float32]
    for part in parts:
        if isinstance(part, Residual | Concatenation):
            found.append(dtype_of(part.layers if part.skip is None else (*part.layers, part.skip)))
        elif isinstance(part, Layer):
            found += [array.dtype for array in (part.W, part.b, part.center) if array is not None]
        elif isinstance(part, Program):
            found.append(part.dtype)
        elif isinstance(part, LayerNorm):
            found.append(dtype_of([part.affine]))
        elif isinstance(part, Affine):
            found += [array.dtype for array in (part.scale, part.shift, part.center) if array.ndim]
    return np.result_type(*found)


class Lowering:
    """Layers made so far, and what waits for a layer to be multiplied into.

    Parameters
    ----------
    n_in : int or None
        Width of what comes in, where it is known; then nothing is kept apart.

    Attributes
    ----------
    waiting : Affine or None
    order : ndarray or None
        What comes next takes the units in this order.
    """

    def __init__(self, n_in):
        self.layers, self.n_in, self.is_inner = [], n_in, n_in is not None
        self.waiting = self.order = self.center = None

    @property
    def n(self):
        """Width of what the next part gets, or None."""
        if self.layers:
            return self.layers[-1].n_out
        return self.n_in

    @property
    def is_open(self):
        """Whether the last layer has no activation yet and nothing waits behind it."""
        return (bool(self.layers) and self.layers[-1].activation == "identity"
                and self.waiting is None and self.order is None)

    def add(self, part):
        if isinstance(part, Program):
            for layer in part.layers:
                self.add(layer)
            return
        if isinstance(part, Layer) and part.center is not None:
            self.add(Affine(center=part.center))
            part = with_center(part, None)
        if self.order is not None and not isinstance(part, Layer):
            self.add_identity()
        if isinstance(part, Layer):
            self.add_layer(part)
        elif isinstance(part, Affine):
            self.add_affine(part)
        elif isinstance(part, Elementwise):
            self.add_activation(part)
        elif isinstance(part, LayerNorm):
            self.add_norm(part)
        else:
            self.add_block(part)

    def add_layer(self, layer):
        if self.n not in (None, layer.n_in):
            raise ValueError(f"expected {self.n} inputs, the width before it, got W of shape {layer.W.shape}")
        if self.order is not None:
            order, self.order = np.argsort(self.order), None
            layer = replaced(layer, layer.W[order], layer.b)
        self.layers.append(layer if self.waiting is None else self.scaled(layer))

    def add_affine(self, affine):
        if affine.n is not None and not self.layers:
            self.n_in = self.n_in or affine.n
        if affine.n not in (None, self.n):
            raise ValueError(f"expected numbers for {self.n} units, the width before it, got {affine.n}")
        if affine.is_trivial:
            return
        if self.is_open:
            W, b = weights(self.layers[-1])
            b = affine.scale * (b - affine.center) + affine.shift
            self.layers[-1] = replaced(self.layers[-1], W * affine.scale, np.broadcast_to(b, W.shape[1:]))
        elif self.waiting is not None:
            first = self.waiting
            self.waiting = Affine(first.scale * affine.scale,
                                  (first.shift - affine.center) * affine.scale + affine.shift, first.center)
        else:
            self.waiting = affine

    def add_activation(self, part):
        if not self.is_open:
            self.add_identity()
        last = self.layers.pop()
        self.layers.append(Layer(last.W, last.b, part.activation, skips=last.skips, **part.parameters))

    def add_norm(self, part):
        if part.affine.n is not None and not self.layers:
            self.n_in = self.n_in or part.affine.n
        if part.affine.n not in (None, self.n):
            raise ValueError(f"expected numbers for {self.n} units, the width before it, got {part.affine.n}")
        self.add_activation(Elementwise(part.activation, epsilon=part.epsilon))
        self.add_affine(part.affine)

    def add_identity(self):
        """A layer with W = I, for what cannot go into another."""
        if self.n is None:
            raise ValueError("expected a layer with weights before it, which says how many units there are")
        self.add_layer(Layer(np.eye(self.n), skips=True))

    def scaled(self, layer):
        """The layer with the waiting Affine before it; its center is kept apart at the inputs."""
        waiting, self.waiting = self.waiting, None
        if self.layers or self.is_inner:
            shift = waiting.shift - waiting.scale * waiting.center
        else:
            if np.any(waiting.center):
                self.center = np.array(np.broadcast_to(waiting.center, (layer.n_in,)))
                self.center.flags.writeable = False
            if np.all(waiting.scale == 1) and not np.any(waiting.shift):
                return layer
            shift = waiting.shift
        W, b = weights(layer)
        b = b + np.broadcast_to(shift, (layer.n_in,)) @ W
        W = np.broadcast_to(waiting.scale, (layer.n_in,))[:, None] * W
        keeps_b = layer.b is None and not np.any(shift)
        return replaced(layer, W, None if keeps_b else b)

    def add_block(self, block):
        """Layers of g with the units of the skip, or of what is multiplied by it, behind their own."""
        if self.n is None:
            self.n_in = width_of(block)
        n = self.n
        inner = Lowering(n)
        for part in block.layers:
            inner.add(part)
        layers = inner.finished()
        skip = Layer(np.eye(n)) if block.skip is None else block.skip
        if skip.n_in != n:
            raise ValueError(f"skip: expected {n} inputs, the width before it, got W of shape {skip.W.shape}")
        if block.adds and layers[-1].n_out != skip.n_out:
            as_wide = "at its end as at its beginning" if block.skip is None else "as the skip"
            raise ValueError(f"expected a block as wide {as_wide}, {skip.n_out}, got {layers[-1].n_out}")
        # What is carried past g is the narrower of the skip's argument and its result.
        before, behind = (skip, Layer(np.eye(skip.n_out))) if skip.n_out < n else (Layer(np.eye(n)), skip)
        first, first_b = weights(before)
        last, last_b = weights(behind)
        n_carried = before.n_out
        for k, layer in enumerate(layers):
            W, b = weights(layer)
            adds = block.adds and k == len(layers) - 1 and layer.activation == "identity"
            if k == 0 and adds:
                W, b = W + first @ last, b + first_b @ last + last_b
            elif k == 0:
                W, b = np.hstack([W, first]), np.concatenate([b, first_b])
            elif adds:
                W, b = np.vstack([W, last]), b + last_b
            else:
                eye = np.eye(n_carried)
                W = np.block([[W, np.zeros((len(W), n_carried))], [np.zeros((n_carried, W.shape[1])), eye]])
                b = np.concatenate([b, np.zeros(n_carried)])
            skips = split_skips(W)[:2] == corner(layer)
            layer = replaced(layer, W, b, 0 if adds else n_carried, skips)
            self.layers.append(layer if self.waiting is None else self.scaled(layer))
        if block.adds and layers[-1].activation != "identity":
            self.layers.append(Layer(np.vstack([np.eye(len(last[0])), last]), last_b, skips=block.skip is None))
        elif not block.adds and not block.last:
            n_own = layers[-1].n_out
            self.order = np.concatenate([np.arange(n_own, n_own + n), np.arange(n_own)])

    def finished(self):
        """What was made, with a last layer for what still waits, and the center in the first one."""
        if self.waiting is not None or self.order is not None or not self.layers:
            self.add_identity()
        if self.center is not None:
            self.layers[0] = with_center(self.layers[0], self.center)
        return tuple(self.layers)


def weights(layer):
    """W and b in float64, what the layer subtracts from its inputs included."""
    W = layer.W.astype(np.float64)
    b = np.zeros(layer.n_out) if layer.b is None else layer.b.astype(np.float64)
    return W, b if layer.center is None else b - layer.center @ W


def corner(layer):
    """Shape of what is multiplied: of a weight of the user all, zeros too, as zero times NaN is NaN."""
    return split_skips(layer.W)[:2] if layer.skips else layer.W.shape


def replaced(layer, W, b, n_carried=0, skips=None):
    """The layer with other weights, whose last units, so many more than its own, are carried past its activation."""
    skips = layer.skips if skips is None else skips
    if layer.activation == "identity":
        return Layer(W, b, skips=skips)
    return Layer(W, b, layer.activation, n_carried=layer.n_carried + n_carried, skips=skips, **layer.parameters)


def width_of(block):
    """Inputs of a block, as its skip or the first part that has a number for each unit says."""
    if block.skip is not None:
        return block.skip.n_in
    for part in block.layers:
        if isinstance(part, Layer | Program):
            return part.n_in
        affine = part.affine if isinstance(part, LayerNorm) else part
        if isinstance(affine, Affine) and affine.n is not None:
            return affine.n
        if isinstance(part, Residual | Concatenation):
            return width_of(part)
    raise ValueError("expected a layer with weights in the block or before it, which says how many units there are")
