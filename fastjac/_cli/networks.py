"""The network a command works on."""

import os
from importlib import resources

from fastjac._cli.errors import CommandError
from fastjac.formats.nnet import from_nnet
from fastjac.formats.npz import from_npz, read_notes


def bundled():
    """The network that ships with fastjac, and its notes."""
    with resources.as_file(resources.files("fastjac.data") / "pendulum.npz") as path:
        return from_npz(path), read_notes(path)


def load(arguments):
    """Network and notes of the file that the arguments name, by its suffix."""
    path = arguments.network
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".nnet":
        return from_nnet(
            path, normalize=not arguments.no_normalize, clip=not arguments.no_clip, dtype=arguments.dtype
        ), {}
    if suffix != ".npz":
        raise CommandError(f"expected a network in a .nnet or .npz file, got {path!r}")
    if arguments.no_normalize or arguments.no_clip:
        raise CommandError(f"expected a .nnet file with --no-normalize or --no-clip, got {path!r}")
    return from_npz(path, dtype=arguments.dtype), read_notes(path)
