"""The network a command works on."""

import os
from importlib import resources

from fastjac._cli.errors import CommandError
from fastjac.formats.loading import READERS, load, read_notes
from fastjac.formats.npz import from_npz


def bundled():
    """The network that ships with fastjac, and its notes."""
    with resources.as_file(resources.files("fastjac.data") / "pendulum.npz") as path:
        return from_npz(path), read_notes(path)


def load_file(arguments):
    """Network and notes of the file that the arguments name, by its suffix."""
    path, options = arguments.network, {}
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in READERS:
        raise CommandError(f"expected a network in a file {', '.join(READERS)}, got {path!r}")
    if suffix == ".nnet":
        options = {"normalize": not arguments.no_normalize, "clip": not arguments.no_clip}
    elif arguments.no_normalize or arguments.no_clip:
        raise CommandError(f"expected a .nnet file with --no-normalize or --no-clip, got {path!r}")
    try:
        return load(path, dtype=arguments.dtype, **options), read_notes(path)
    except ImportError as error:
        raise CommandError(str(error)) from error


def same_file(a, b):
    if os.path.exists(a) and os.path.exists(b):
        return os.path.samefile(a, b)
    return os.path.realpath(a) == os.path.realpath(b)
