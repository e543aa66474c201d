"""The examples of the pages on sources run as they stand there, where the framework is installed."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "from-sklearn": ["sklearn"], "from-torch": ["torch"], "from-keras": ["keras", "jax"],
    "from-jax": ["jax", "flax", "equinox"],
}


@pytest.mark.parametrize("page", PAGES)
def test_example(page):
    for module in PAGES[page]:
        if find_spec(module) is None:
            pytest.skip(f"needs {module}")
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / f"{page}.md").read_text(), re.M | re.S)
    assert blocks
    # In a process of its own: Keras chooses its backend once.
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", "\n".join(blocks)], check=True, env=environment, timeout=300)
