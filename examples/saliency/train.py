"""Train the classifier of the saliency example on scikit-learn's digits, and keep those it did not see.

    pip install scikit-learn
    python examples/saliency/train.py            # writes examples/saliency/saliency.safetensors and digits.npz
"""

import sys
from pathlib import Path

import numpy as np

import fastjac as fj

HERE = Path(__file__).resolve().parent
N_HELD_OUT = 599  # a third
WHITE = 16  # the pixels are from 0 to that


def split(pixels, labels, seed=0):
    """(pixels, labels) to learn from, and (pixels, labels) held out."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return [(pixels[part], labels[part]) for part in (order[N_HELD_OUT:], order[:N_HELD_OUT])]


def train(x, labels, **options):
    """The network of a trained MLPClassifier, pixels from 0 to 1 -> logits."""
    from sklearn.neural_network import MLPClassifier

    options = {"hidden_layer_sizes": (32, 32), "alpha": 1.0, "max_iter": 500} | options
    classifier = MLPClassifier(activation="tanh", solver="lbfgs", random_state=0, **options).fit(x, labels)
    *hidden, last = fj.from_sklearn(classifier).parts
    return fj.Network([*hidden, fj.Layer(last.W, last.b)])  # without the softmax


def main():
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit("expected scikit-learn, which trains the network and has the digits: pip install scikit-learn")
    learned, held_out = split(*load_digits(return_X_y=True))
    net = train(learned[0] / WHITE, learned[1])
    found = [np.mean(net(pixels / WHITE).argmax(axis=-1) == labels) for pixels, labels in (learned, held_out)]
    accuracy = "recognised: {:.1%} of those it has learned from, {:.1%} of the others".format(*found)
    print(accuracy)
    net.save(
        HERE / "saliency.safetensors",
        description="Handwritten digits, 8 x 8 pixels from 0 to 1 -> logits of the ten classes",
        accuracy=accuracy,
        source="trained by examples/saliency/train.py on scikit-learn's digits",
    )
    pixels, labels = held_out
    np.savez_compressed(HERE / "digits.npz", pixels=pixels.astype(np.uint8), labels=labels.astype(np.uint8))


if __name__ == "__main__":
    main()
