"""Draw the pictures of docs/derivation.md: ``python docs/images/make.py`` writes them beside this file."""

from pathlib import Path

import numpy as np

import fastjac as fj

W1 = [[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]]
b1 = [0.5, -1.0, 2.0]
W2 = [[0.5, -1.0], [2.0, 0.25], [-1.5, 1.0]]
b2 = [0.1, -0.2]


def pictures():
    """File name to SVG."""
    affine = fj.Network([(W1, b1, "identity")])
    one_layer = fj.Network([(W1, b1, "tanh")])
    two_layers = fj.Network([(W1, b1, "tanh"), (W2, b2, "sigmoid")])
    widths = (784, 256, 64, 256, 784)
    names = ("relu", "relu", "relu", "identity")
    autoencoder = fj.Network(
        [(np.zeros((n, m)), np.zeros(m), name) for n, m, name in zip(widths, widths[1:], names, strict=False)]
    )
    return {
        "affine.svg": affine.diagram(),
        "one_layer.svg": one_layer.diagram(),
        "two_layers.svg": two_layers.diagram(),
        "two_layers_compact.svg": two_layers.diagram(style="compact"),
        "autoencoder.svg": autoencoder.diagram(),
    }


if __name__ == "__main__":
    for name, svg in pictures().items():
        (Path(__file__).parent / name).write_text(svg, encoding="utf-8", newline="\n")
