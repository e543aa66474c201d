"""Plans against brute force over all bracketings, and against what runs."""

import copy
import functools
import itertools
import pickle
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import assert_close, assert_same, make_network, random_array, reference

import fastjac as fj
from fastjac import planning

widths_of = st.lists(st.integers(1, 40), min_size=2, max_size=8)


@functools.cache
def bracketings(i, j):
    """All bracketings of A_j ⋯ A_i as nested tuples, later layers first."""
    if i == j:
        return [i]
    return [
        (left, right)
        for s in range(i, j)
        for left in bracketings(s + 1, j)
        for right in bracketings(i, s)
    ]


def block(tree):
    """First and last layer of a bracketing."""
    if isinstance(tree, int):
        return tree, tree
    return block(tree[1])[0], block(tree[0])[1]


def multiply_adds(n, tree):
    """Multiply-adds of a bracketing, by the shapes of its factors alone."""
    if isinstance(tree, int):
        return 0
    left, right = tree
    (i, s), (_, j) = block(right), block(left)
    return multiply_adds(n, left) + multiply_adds(n, right) + n[j] * n[s] * n[i - 1]


@st.composite
def widths_and_activity(draw, widths):
    """Widths, and for each layer the share of active units, or None where all count."""
    n = draw(widths)
    share = st.one_of(st.none(), st.floats(0.01, 1.0))
    return n, draw(st.lists(share, min_size=len(n) - 1, max_size=len(n) - 1))


def terms(n, activity, k, n_rows):
    """Terms of a sum over layer k, in a product of so many rows by a weight, or of two blocks."""
    return n[k] if activity is None or activity[k - 1] is None or n_rows < 3 else n[k] * activity[k - 1]


def inner_layers(plan):
    """For each step the layer, from 1, whose units its product sums over, or None."""
    blocks, layers = {}, []
    for step in plan.steps:
        k = step.layer + 1
        right = (k, k) if step.kind in ("form", "reverse") else blocks.get(step.right)
        left = (k, k) if step.kind in ("form", "forward") else blocks.get(step.left)
        layers.append(right[1] if step.kind in ("reverse", "forward", "meet") else None)
        blocks[step.out] = left if step.kind == "transpose" else (right[0], left[1])
    return layers


def costs_of_steps(plan, cost, batch, activity=None):
    """What a cost model charges for the steps of a plan."""
    separate, call = (cost.separate, 0.0) if batch else (cost.stacked, cost.call)
    total = 0.0
    for step, k in zip(plan.steps, inner_layers(plan)):
        rows = step.n_rows if step.kind != "meet" else 3
        product = step.n_rows * step.n_cols * (terms(plan.widths, activity, k, rows) if k else 0)
        if step.kind in ("form", "transpose"):
            total += cost.element * step.n_rows * step.n_cols
        elif step.kind == "reverse":
            total += cost.stacked * product + cost.element * step.n_rows * step.n_inner + call
        elif step.kind == "forward":
            total += cost.stacked * product + cost.element * step.n_rows * step.n_cols + call
        else:
            total += separate * product + cost.call
    return total


def costs_of_tree(n, tree, cost, batch, activity, sizes=None):
    """Costs of all ways to compute a bracketing, as pairs (whether the block is held transposed, cost)."""
    sizes = sizes or [n_out * n_in for n_in, n_out in itertools.pairwise(n)]
    i, j = block(tree)
    if i == j:
        cost_of_forming = cost.element * n[i] * n[i - 1]
        return [(False, cost_of_forming), (True, cost_of_forming)]
    left, right = tree
    s = block(right)[1]
    call = 0.0 if batch else cost.call
    ways = []
    lefts, rights = (costs_of_tree(n, part, cost, batch, activity, sizes) for part in tree)
    separate = cost.separate if batch else cost.stacked
    product = separate * n[j] * terms(n, activity, s, 3) * n[i - 1] + cost.call
    for (left_transposed, of_left), (right_transposed, of_right) in itertools.product(lefts, rights):
        # The right factor of the product that runs has to lie by its rows.
        if not right_transposed:
            ways.append((False, of_left + of_right + product))
        if left_transposed:
            ways.append((True, of_left + of_right + product))
    if isinstance(right, int):
        stacked = cost.stacked * sizes[i - 1] * terms(n, activity, s, n[j]) / n[s]
        step = n[j] * (cost.element * n[s] + stacked) + call
        ways += [(False, of_left + step) for transposed, of_left in lefts if not transposed]
    if isinstance(left, int):
        stacked = cost.stacked * sizes[j - 1] * terms(n, activity, s, n[i - 1]) / n[s]
        step = n[i - 1] * (cost.element * n[j] + stacked) + call
        ways += [(True, of_right + step) for transposed, of_right in rights if transposed]
    # Of equal ways only the cheapest of each orientation matters further up.
    return [(t, min(c for transposed, c in ways if transposed is t)) for t in {t for t, _ in ways}]


def cheapest(n, tree, cost, batch, activity=None, sizes=None):
    turned = cost.element * n[0] * n[-1]
    return min(c + turned * transposed for transposed, c in costs_of_tree(n, tree, cost, batch, activity, sizes))


def test_number_of_bracketings():
    # The Catalan numbers: the brute force below leaves none out.
    assert [len(bracketings(1, n)) for n in range(1, 8)] == [1, 1, 2, 5, 14, 42, 132]


@given(widths_of, st.booleans())
def test_fewest_multiply_adds(n, batch):
    plan = planning.make_plan(n, batch=batch, cost_model=planning.MULTIPLY_ADDS)
    assert plan.multiply_adds == min(multiply_adds(n, tree) for tree in bracketings(1, len(n) - 1))


@settings(max_examples=40)
@given(widths_and_activity(st.lists(st.integers(1, 300), min_size=2, max_size=7)), st.booleans())
def test_lowest_cost(n_and_activity, batch):
    n, activity = n_and_activity
    cost = planning.CostModel()
    plan = planning.make_plan(n, batch=batch, activity=activity)
    lowest = min(cheapest(n, tree, cost, batch, activity) for tree in bracketings(1, len(n) - 1))
    assert costs_of_steps(plan, cost, batch, activity) == pytest.approx(lowest, rel=1e-12)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 300), min_size=2, max_size=7), st.booleans(), st.data())
def test_fewest_multiply_adds_where_units_are_carried(n, batch, data):
    """A sweep multiplies a part of such a weight; where blocks meet, it is a matrix like any other."""
    sizes = [data.draw(st.integers(0, n_out * n_in)) for n_in, n_out in itertools.pairwise(n)]
    plan = planning.make_plan(n, batch=batch, sizes=sizes, cost_model=planning.MULTIPLY_ADDS)
    lowest = min(cheapest(n, tree, planning.MULTIPLY_ADDS, batch, sizes=sizes) for tree in bracketings(1, len(n) - 1))
    assert plan.multiply_adds == pytest.approx(lowest, rel=1e-12)
    assert plan.multiply_adds <= min(plan.multiply_adds_forward, plan.multiply_adds_reverse)
    for order in ("forward", "reverse"):
        sweep = planning.make_plan(n, batch=batch, sizes=sizes, order=order)
        assert sweep.multiply_adds == getattr(plan, f"multiply_adds_{order}")


@given(st.lists(st.integers(1, 40), min_size=3, max_size=6), st.booleans(), st.data())
def test_a_given_bracketing_is_kept(n, batch, data):
    tree = data.draw(st.sampled_from(bracketings(1, len(n) - 1)))
    plan = planning.make_plan(n, batch=batch, order=tree)
    assert plan.multiply_adds == multiply_adds(n, tree)
    assert printed_tree(plan) == tree
    assert costs_of_steps(plan, planning.CostModel(), batch) == pytest.approx(
        cheapest(n, tree, planning.CostModel(), batch), rel=1e-12)


@given(widths_of, st.booleans())
def test_multiply_adds_of_the_sweeps(n, batch):
    layers = range(1, len(n))
    forward = functools.reduce(lambda right, left: (left, right), layers)
    reverse = functools.reduce(lambda left, right: (left, right), reversed(layers))
    for order, tree in (("forward", forward), ("reverse", reverse)):
        plan = planning.make_plan(n, batch=batch, order=order)
        assert plan.multiply_adds == multiply_adds(n, tree)
        assert printed_tree(plan) == tree
        assert getattr(plan, f"multiply_adds_{order}") == multiply_adds(n, tree)


@pytest.mark.parametrize("batch", [False, True])
def test_autoencoder(batch):
    plan = planning.make_plan((784, 256, 64, 256, 784), batch=batch)
    assert plan.multiply_adds == 65_028_096
    assert plan.multiply_adds_forward == plan.multiply_adds_reverse == 183_042_048
    assert plan.bracketing == "((A4 A3)(A2 A1))"
    assert "65,028,096" in str(plan)
    assert "183,042,048" in str(plan)


def printed_tree(plan):
    """The bracketing that the plan prints, as nested tuples."""
    line = next(line for line in str(plan).splitlines() if line.strip().startswith("J = "))
    text = line.partition("=")[2].partition("with")[0].strip()
    text = re.sub(r"A(\d+)", r"\1", text).replace(")(", "),(").replace(" (", ",(").replace(") ", "),")
    return eval(re.sub(r"(\d) (?=\d)", r"\1,", text), {"__builtins__": {}})


def inner_blocks(tree):
    """Blocks (i, j) that a bracketing multiplies on its way, without the whole chain."""
    if isinstance(tree, int):
        return set()
    return {block(part) for part in tree if not isinstance(part, int)}.union(*map(inner_blocks, tree))


def blocks_that_run(widths, order, n_points):
    """Blocks that are multiplied, seen from outside.

    The only weights that are not zero stand at [0, 0]. They are chosen such that the product over the
    layers i to j overflows and no other does: the Jacobian is not finite if that block is formed.
    """
    n_layers = len(widths) - 1
    found = set()
    for i, j in itertools.combinations(range(1, n_layers + 1), 2):
        if (i, j) == (1, n_layers):
            continue
        exponents = dict.fromkeys(range(1, n_layers + 1), 0) | {i: 515, j: 515, i - 1: -100, j + 1: -100}
        layers = []
        for k in range(1, n_layers + 1):
            W = np.zeros((widths[k - 1], widths[k]))
            W[0, 0] = 2.0 ** exponents[k]
            layers.append(fj.Layer(W))
        J = fj.Network(layers, order=order).jacobian(np.zeros((n_points, widths[0])))
        assert np.isfinite(J[..., 0, 0]).all() == np.isfinite(J).all()
        if not np.isfinite(J).all():
            found.add((i, j))
    return found


@pytest.mark.parametrize("n_points", [1, 7])
@pytest.mark.parametrize("tree", [tree for n in (3, 4, 5) for tree in bracketings(1, n)], ids=str)
def test_a_given_bracketing_runs(tree, n_points):
    widths = [3, 2, 4, 2, 3, 5][: block(tree)[1] + 1]
    assert blocks_that_run(widths, tree, n_points) == inner_blocks(tree)


@pytest.mark.parametrize("n_points", [1, 7])
@pytest.mark.parametrize("order", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("widths", [
    (30, 20, 2, 20, 30), (2, 20, 30, 40), (40, 30, 20, 2), (50, 2, 40, 3, 60), (40, 40, 1, 40, 40, 1, 40), (5, 9, 4),
], ids=str)
def test_the_printed_plan_runs(widths, order, n_points):
    plan = make_network(widths, ["identity"], order=order).plan(n_points)
    assert blocks_that_run(widths, order, n_points) == inner_blocks(printed_tree(plan))


def execute(plan, net, x):
    """The steps of a plan on dense factors in long double: the result, and its number of multiply-adds."""
    factors = [
        reference(fj.Network([layer], dtype=net.dtype), a)[1]
        for layer, a in zip(net.layers, activations_before(net, x))
    ]
    slots, count = {}, 0
    for step in plan.steps:
        left, right = slots.get(step.left), slots.get(step.right)
        if step.kind == "form":
            out = factors[step.layer]
        elif step.kind == "transpose":
            out = left
        else:
            left = left if step.kind != "forward" else factors[step.layer]
            right = right if step.kind != "reverse" else factors[step.layer]
            out, count = left @ right, count + left.size * right.shape[1]
        slots[step.out] = out
    return slots[-1], count


def activations_before(net, x):
    a = np.asarray(x)
    for layer in net.layers:
        yield a
        a = reference(fj.Network([layer], dtype=net.dtype), a)[0].astype(net.dtype)


KINDS = [["tanh"], ["identity"], ["tanh", "softmax", "relu", "log_softmax"]]


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "-".join(kinds))
@pytest.mark.parametrize("n_layers", [4, 5])
def test_bracketings_agree(dtype, build, kinds, n_layers):
    widths = (5, 7, 3, 8, 4, 6)[: n_layers + 1]
    for order in [*bracketings(1, n_layers), "forward", "reverse", "auto"]:
        net = make_network(widths, kinds, dtype, order=order)
        points = random_array((6, widths[0]), dtype)
        _, expected = zip(*(reference(net, x) for x in points))
        expected = np.array(expected).astype(dtype)
        J = net.jacobian(points)
        assert_close(J, expected)
        assert_close(net.jacobian(points[0]), expected[0])
        # Blocks of points that are held side by side or not: the result is the same.
        assert_close(net.jacobian(points, workers=2), expected)
        assert_close(net.jvp(points, points), np.einsum("pij,pj->pi", expected, points))
        weights = random_array((6, net.n_out), dtype)
        assert_close(net.vjp(points, weights), np.einsum("pij,pi->pj", expected, weights))


@settings(max_examples=20)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=7), st.sampled_from(["auto", "forward", "reverse"]),
       st.booleans(), st.sampled_from(KINDS))
def test_steps_make_the_jacobian(widths, order, batch, kinds):
    net = make_network(widths, kinds, order=order)
    plan = net.plan(2 if batch else 1)
    assert plan.batch == batch
    x = random_array(widths[0])
    J, count = execute(plan, net, x)
    assert count == plan.multiply_adds
    assert_close(net.jacobian(x), J.astype(float))
    assert_close(J.astype(float), reference(net, x)[1].astype(float))


def test_slots_are_large_enough_and_never_read_before_they_are_written():
    for n in (3, 4, 5, 6):
        for tree in bracketings(1, n):
            widths = [4, 9, 2, 7, 3, 8, 5][: n + 1]
            for batch in (False, True):
                plan = planning.make_plan(widths, batch=batch, order=tree)
                held = {}
                for step in plan.steps:
                    for slot in (step.left, step.right):
                        assert slot == -1 or slot in held
                    assert step.out not in (step.left, step.right) or step.out == -1
                    if step.out >= 0:
                        held[step.out] = step.n_rows * step.n_cols
                        assert held[step.out] <= plan.slots[step.out]
                assert plan.steps[-1].out == -1
                assert [step.out for step in plan.steps].count(-1) == 1


def cost_of_meeting(n, s, cost, batch, activity):
    """What it costs to grow two blocks from layer s outwards and to multiply them."""
    call = 0.0 if batch else cost.call
    total = cost.element * (n[s + 1] * n[s] + n[s] * n[s - 1])
    for j in range(s + 2, len(n)):
        total += n[s] * n[j] * (cost.element + cost.stacked * terms(n, activity, j - 1, n[s])) + call
    for i in range(s - 1, 0, -1):
        total += n[s] * (cost.element * n[i] + cost.stacked * terms(n, activity, i, n[s]) * n[i - 1]) + call
    separate = cost.separate if batch else cost.stacked
    return total + separate * n[-1] * terms(n, activity, s, 3) * n[0] + cost.call


COST_MODELS = [planning.CostModel(), planning.CostModel(element=100.0), planning.MULTIPLY_ADDS]
long_widths = st.lists(
    st.integers(1, 10), min_size=planning.N_LAYERS_EXHAUSTIVE + 2, max_size=planning.N_LAYERS_EXHAUSTIVE + 40)


@settings(max_examples=30)
@given(widths_and_activity(long_widths), st.booleans(), st.sampled_from(COST_MODELS))
def test_long_chains_take_the_cheapest_sweep_or_meeting(n_and_activity, batch, cost):
    n, activity = n_and_activity
    plan = planning.make_plan(n, batch=batch, cost_model=cost, activity=activity)
    sweeps = [planning.make_plan(n, batch=batch, order=order) for order in ("forward", "reverse")]
    of_sweeps = [costs_of_steps(sweep, cost, batch, activity) for sweep in sweeps]
    of_meetings = [cost_of_meeting(n, s, cost, batch, activity) for s in range(1, len(n) - 1)]
    lowest = min(of_sweeps + of_meetings)
    assert costs_of_steps(plan, cost, batch, activity) == pytest.approx(lowest, rel=1e-12)
    assert sorted(step.layer for step in plan.steps if step.layer >= 0) == list(range(len(n) - 1))


def test_long_chain_meets_at_its_bottleneck():
    n = [40] * 41 + [2] + [40] * 40
    plan = planning.make_plan(n, batch=True)
    meetings = [step for step in plan.steps if step.kind == "meet"]
    assert [step.n_inner for step in meetings] == [2]
    assert plan.multiply_adds < plan.multiply_adds_forward / 10


def test_a_thousand_layers_are_planned():
    n = np.random.default_rng(0).integers(1, 100, 1001).tolist()
    plan = planning.make_plan(n, batch=True)
    assert plan.multiply_adds <= min(plan.multiply_adds_forward, plan.multiply_adds_reverse)
    assert len(str(plan).splitlines()) < 40


@pytest.mark.parametrize("order", [
    "sideways", "", (), (1,), (1, 2), (2, 1), (3, (1, 2)), ((3, 2), 1, 0), ((3, 2), 2), (3, 1), ((4, 3), (2, 1)),
    [[3, 2], 1], (3, "21"), ((3, 2), 0), (2, (1, 0)), None, 3, 1.5, (3, None), np.array([1, 2]),
], ids=repr)
def test_wrong_order(order):
    layers = [(np.ones((2, 2)),)] * 3
    with pytest.raises(ValueError, match="order"):
        fj.Network(layers, order=order)
    with pytest.raises(ValueError, match="order"):
        planning.make_plan([2] * 4, batch=True, order=order)


def test_order_of_one_layer():
    for order in ("auto", "forward", "reverse", 1):
        net = fj.Network([(np.eye(2),)], order=order)
        assert net.jacobian(np.zeros(2)).tolist() == [[1, 0], [0, 1]]
        assert net.plan().multiply_adds == 0


def test_plan_of_few_and_many_points():
    net = make_network((30, 20, 2, 20, 30), ["tanh"])
    assert not net.plan().batch
    assert net.plan(2).batch
    assert net.plan(2) is net.plan(10**9)
    for n_points in (0, -1):
        with pytest.raises(ValueError, match="n_points"):
            net.plan(n_points)


@pytest.mark.parametrize("engine", ["packed", "blas"])
@pytest.mark.parametrize("itemsize", [4, 8])
@given(n=st.lists(st.one_of(st.integers(1, 40), st.integers(1, 2048)), min_size=2, max_size=9))
def test_workspace_does_not_grow_with_the_batch(engine, itemsize, n):
    point, batch = (
        planning.make_plan(n, batch=batch, itemsize=itemsize, engine=engine, n_lanes=64 // itemsize)
        for batch in (False, True)
    )
    assert batch.workspace_nbytes <= 8 * 2**20 or point.workspace_nbytes > 8 * 2**20
    if engine == "packed":  # one order for both
        assert batch.workspace_nbytes <= max(planning.TILE_NBYTES, point.workspace_nbytes)


@pytest.mark.parametrize("itemsize", [4, 8])
@given(n=widths_of)
def test_workspace_of_a_tile(itemsize, n):
    plan = planning.make_plan(n, batch=True, itemsize=itemsize)
    assert plan.n_points_per_tile >= 1
    assert plan.workspace_nbytes <= planning.TILE_NBYTES or plan.n_points_per_tile == 1
    assert f"{plan.workspace_nbytes:,} bytes" in str(plan)
    assert plan.dtype == f"float{8 * itemsize}"


# ---------------------------------------------------------------- activity


def make_lopsided(dtype="float64", **options):
    """A network for which the sweeps cost about the same, unless one of its hidden layers is nearly inactive."""
    return fj.Network(make_network((8, 48, 36, 8), ["relu"], seed=3).layers, dtype=dtype, **options)


FORWARD, REVERSE = "(A3 (A2 A1))", "((A3 A2) A1)"


def test_activity_changes_the_order():
    assert make_lopsided(activity=(0.05, 0.9, 1)).plan().bracketing == FORWARD
    assert make_lopsided(activity=(0.9, 0.05, 1)).plan(2).bracketing == REVERSE
    net = make_lopsided()
    assert net.plan(activity=(0.05, 0.9, None)).bracketing == FORWARD
    assert net.plan(2, activity=(0.9, 0.05, None)).bracketing == REVERSE
    # A tanh layer has no inactive units, nor do products of the engine `blas` leave any out.
    for other in (make_lopsided(engine="blas"), make_network((8, 48, 36, 8), ["tanh"])):
        plans = {str(other.plan(activity=activity)) for activity in (None, 0.1, (0.05, 0.9, 1), (0.9, 0.05, 1))}
        assert len(plans) == 1


def test_results_do_not_depend_on_the_expectation(operand, dtype, simd):
    networks = [make_lopsided(dtype, activity=activity)
                for activity in (None, 1, 0.01, (0.05, 0.9, 1), (0.9, 0.05, None))]
    a = random_array((9, operand.width(networks[0])), dtype)
    expected = operand(fj.Network(networks[0].layers, dtype=dtype, engine="blas"), a)
    results = {}
    for net in networks:
        result = operand(net, a)
        assert_close(result, expected)
        assert_same(result, results.setdefault(net.plan().bracketing, result))
    assert set(results) == {FORWARD, REVERSE}


@given(st.lists(st.integers(1, 30), min_size=3, max_size=6), st.sampled_from(["auto", "forward", "reverse"]),
       st.booleans())
def test_expected_multiply_adds(widths, order, batch):
    net = make_network(widths, ["relu", "tanh", "relu"], order=order)
    x = random_array(widths[0])
    active = [np.count_nonzero(a) for a in [*activations_before(net, x)][1:]] + [1]
    assume(all(active))
    n_points = 2 if batch else 1
    plan = net.plan(n_points, activity=[count / layer.n_out for count, layer in zip(active, net.layers)])
    counted = 0
    for step, k in zip(plan.steps, inner_layers(plan)):
        sparse = k is not None and net.layers[k - 1].activation == "relu" and (step.kind == "meet" or step.n_rows >= 3)
        assert step.sparse == (k - 1 if sparse else -1)
        counted += step.n_rows * step.n_cols * active[k - 1] if sparse else step.multiply_adds
    assert plan.expected_multiply_adds == pytest.approx(counted)


def test_activity_is_printed():
    for order in ("forward", "reverse"):
        net = make_network((100, 50, 40, 10), ["relu"], order=order, activity=0.25)
        expected = 10 * 40 * 50 // 4 + 10 * 50 * 100 // 4, 100 * 40 * 50 // 4 + 100 * 40 * 10 // 4
        for plan in (net.plan(), net.plan(2)):
            assert (plan.expected_multiply_adds_reverse, plan.expected_multiply_adds_forward) == expected
            assert plan.expected_multiply_adds == expected[order == "forward"]
            for dense, active in ((70_000, expected[0]), (240_000, expected[1])):
                assert re.search(rf"{dense:,} +{active:,}\n", str(plan))
    dense = make_network((100, 50, 40, 10), ["tanh"])
    assert dense.plan().expected_multiply_adds == dense.plan().multiply_adds == 70_000
    assert "active" not in str(dense.plan())


@pytest.mark.parametrize("layer", range(3))
def test_one_number_stands_for_all_layers(layer):
    net = make_network((20, 30, 40, 10), ["relu"])
    assert net.plan(activity=0.3) == net.plan(activity=[0.3] * 3)
    assert net.plan() == net.plan(activity=[0.5 if k == layer else None for k in range(3)])


def test_activity_is_kept():
    for stated, kept in ((None, None), (1, 1.0), (np.float32(0.25), 0.25), ([0.5, None, 1], (0.5, None, 1.0)),
                        (np.array([0.25, 0.5, 1]), (0.25, 0.5, 1.0))):
        net = make_lopsided(activity=stated)
        for other in (net, pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            assert other.activity == kept
            assert other.plan() == net.plan() == make_lopsided().plan(activity=kept)


@pytest.mark.parametrize(("activity", "error", "message"), [
    (0, ValueError, "activity: expected a number in (0, 1], got 0"),
    (-0.5, ValueError, "activity: expected a number in (0, 1], got -0.5"),
    (1.5, ValueError, "activity: expected a number in (0, 1], got 1.5"),
    (np.nan, ValueError, "activity: expected a number in (0, 1], got nan"),
    (True, TypeError, "activity: expected a number in (0, 1], got True"),
    ("0.5", TypeError, "activity: expected a number or one for each layer, got '0.5'"),
    (1j, TypeError, "activity: expected a number or one for each layer, got 1j"),
    ((), TypeError, "activity: expected a number or one for each layer, got ()"),
    ((0.5, 0.5), ValueError, "activity: expected 3 numbers, one for each layer, got 2"),
    ((0.5, 0, 0.5), ValueError, "activity: layer 2: expected a number in (0, 1], got 0"),
    ((0.5, 0.5, "1"), TypeError, "activity: layer 3: expected a number in (0, 1], got '1'"),
], ids=repr)
def test_wrong_activity(activity, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make_lopsided(activity=activity)
    with pytest.raises(error, match=re.escape(message)):
        make_lopsided().plan(activity=activity)
