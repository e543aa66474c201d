"""C and C++ that the run itself generates, compiled for this core."""

import shutil
import subprocess
from hashlib import sha256

from peers import Absent

TIMEOUT = 240  # seconds


def compile(source, suffix, folder, *flags):
    """Path of the shared library made from a text in C (".c") or C++ (".cpp")."""
    command = {".c": "gcc", ".cpp": "g++"}[suffix]
    if shutil.which(command) is None:
        raise Absent(f"{command} is not installed")
    stem = sha256(" ".join((source, *flags)).encode()).hexdigest()[:16]
    path, library = folder / f"{stem}{suffix}", folder / f"{stem}.so"
    if not library.exists():
        path.write_text(source, encoding="utf-8")
        arguments = [command, "-O3", "-march=native", "-shared", "-fPIC", *flags, str(path), "-lm", "-o", str(library)]
        try:
            subprocess.run(arguments, check=True, timeout=TIMEOUT, capture_output=True, text=True)
        except subprocess.TimeoutExpired as error:
            raise Absent(f"{command} -O3 takes more than {TIMEOUT} s on its source") from error
        except subprocess.CalledProcessError as error:
            raise Absent(f"{command} failed: {error.stderr.partition(chr(10))[0]}") from error
    return library
