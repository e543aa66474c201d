"""`python -m fastjac convert`: a network from one format to another."""

import os

from fastjac._cli.errors import CommandError
from fastjac._cli.networks import load_file, same_file
from fastjac.formats.npz import save_npz
from fastjac.network import Network

WRITERS = {".safetensors": Network.save, ".npz": save_npz}


def convert(arguments):
    path = arguments.output
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in WRITERS:
        raise CommandError(f"expected a file {' or '.join(WRITERS)} to write to, got {path!r}")
    if same_file(path, arguments.network):
        raise CommandError(f"expected a result that does not overwrite its input, got {path!r}")
    net, notes = load_file(arguments)
    try:
        WRITERS[suffix](net, path, **notes)
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    return 0
