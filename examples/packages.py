"""Networks that come in packages of other people, whose files are read without importing the package."""

import importlib.util
import sys
from pathlib import Path


def folder(package, install):
    """Where the package lies; without it the program ends with how to install it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        sys.exit(f"expected the package {package}, whose networks are used here: pip install --no-deps {install}")
    return Path(spec.submodule_search_locations[0])
