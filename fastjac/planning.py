"""Order of the chain J = A_L ⋯ A_1 with A_k = D_k W_kᵀ: cost model, dynamic programming, Plan.

A block is the product A_j ⋯ A_i of neighbouring factors. It is held in one of two orientations,
normal (rows are outputs of layer j) or transposed (rows are inputs of layer i), and grows by

* a reverse step, normal block · A_i: one product with the constant W_iᵀ for all points of a tile;
* a forward step, A_j · transposed block: one product with the constant W_j for all points of a tile;
* a meeting of two blocks, which differ from point to point: one product a point.

Every bracketing of the chain is made of these three. A product sums over the units of one layer; where
the activation of that layer has f' = 0 on an interval, the engine `packed` leaves out its inactive units,
and the layer's *activity*, the share of units expected to have f' ≠ 0, scales what the product costs.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

# Longest chain for which every bracketing is considered. Beyond, the two sweeps and every single
# meeting point are: the dynamic programming grows with the third power of the number of layers.
N_LAYERS_EXHAUSTIVE = 64

# Bytes of a tile's workspace: within the L2 cache of current cores, with room for weights.
TILE_NBYTES = 512 * 1024

# Rows of a block from which a product by a weight leaves inactive units out. It then runs point by point:
# with fewer rows, one product for the whole tile is faster. The number of points does not count, so that a
# point has the same bits in every batch.
FEWEST_SPARSE_ROWS = 3

NORMAL, TRANSPOSED = 0, 1


@dataclass(frozen=True)
class CostModel:
    """What a plan is charged for, in units of one multiply-add of a large product.

    Attributes
    ----------
    stacked : float
        A multiply-add in a product with a constant weight, shared by the points of a tile.
    separate : float
        A multiply-add in a product of two blocks of one point.
    call : float
        A product, whatever its size; a stacked one is shared by the tile.
    element : float
        Scaling or moving one element of a block.
    """

    stacked: float = 1.0
    separate: float = 1.2
    call: float = 2000.0
    element: float = 4.0


MULTIPLY_ADDS = CostModel(stacked=1, separate=1, call=0, element=0)


@dataclass(frozen=True)
class Step:
    """One operation of a plan, on blocks in slots of the workspace; slot −1 is the result.

    Attributes
    ----------
    kind : {"form", "reverse", "forward", "meet", "transpose"}
    layer : int
        Index of the layer whose weight is used, from 0; −1 where none is.
    n_rows, n_inner, n_cols : int
        Shape of the product, (n_rows, n_inner) @ (n_inner, n_cols); n_inner is 0 without a product.
    left, right, out : int
        Slots; −1 in `left` and `right` where there is no operand.
    left_transposed, right_transposed, out_transposed : bool
        Orientation of the blocks.
    sparse : int
        Index of the layer whose inactive units the product leaves out; −1 if it sums over all n_inner.
    activity : float
        Expected share of the n_inner units that it sums over.
    size : int or None
        Numbers of the weight that are multiplied, where they are fewer than n_inner n_cols.
    """

    kind: str
    layer: int
    n_rows: int
    n_inner: int
    n_cols: int
    left: int
    right: int
    out: int
    left_transposed: bool
    right_transposed: bool
    out_transposed: bool
    sparse: int = -1
    activity: float = 1.0
    size: int | None = None

    @property
    def multiply_adds(self):
        """Multiply-adds of the product, for one point."""
        return self.n_rows * (self.n_inner * self.n_cols if self.size is None else self.size)

    @property
    def expected_multiply_adds(self):
        """The same without those of the units that are expected to be inactive."""
        return self.activity * self.multiply_adds


@dataclass(frozen=True)
class Plan:
    """How a Jacobian is computed: the bracketing, its steps, and what they cost.

    ``str(plan)`` prints it. The plan that is printed is the plan that runs.

    Attributes
    ----------
    widths : tuple of int
        n_0, …, n_L.
    batch : bool
        Whether it is the plan for several points or the one for a single point.
    steps : tuple of Step
        What runs, in order.
    slots : tuple of int
        Elements of each slot of the workspace, for one point.
    multiply_adds, multiply_adds_forward, multiply_adds_reverse : int
        Multiply-adds for one point in the products of this plan and of the two pure sweeps.
    n_points_per_tile : int
        Points that are computed together.
    workspace_nbytes : int
        Memory of one worker beyond arguments and results.
    engine, dtype : str
        Which engine runs it, for which floating-point type.
    activity : tuple of float or None
        Expected share of units with f' ≠ 0 in each layer; None where all are summed over.
    sizes : tuple of int
        Numbers of each weight that are multiplied: n_k n_{k−1}, or fewer where units are carried on.
    expected_multiply_adds, expected_multiply_adds_forward, expected_multiply_adds_reverse : float
        Multiply-adds without those of the units that are expected to be inactive.
    """

    widths: tuple
    batch: bool
    steps: tuple
    slots: tuple
    n_points_per_tile: int
    workspace_nbytes: int
    engine: str
    dtype: str
    activity: tuple
    sizes: tuple

    @property
    def multiply_adds(self):
        return sum(step.multiply_adds for step in self.steps)

    @property
    def multiply_adds_forward(self):
        return self.widths[0] * sum(self.sizes[1:])

    @property
    def multiply_adds_reverse(self):
        return self.widths[-1] * sum(self.sizes[:-1])

    @property
    def expected_multiply_adds(self):
        return sum(step.expected_multiply_adds for step in self.steps)

    @property
    def expected_multiply_adds_forward(self):
        n = self.widths
        return sum(n[0] * self.sizes[k - 1] * _share(self.activity, k - 1, n[0]) for k in range(2, len(n)))

    @property
    def expected_multiply_adds_reverse(self):
        n = self.widths
        return sum(n[-1] * self.sizes[k - 1] * _share(self.activity, k, n[-1]) for k in range(1, len(n) - 1))

    @property
    def scales(self):
        """For each step, the index of the layer of the reverse step that takes its block, or −1.

        The block may be made with its columns scaled by that layer's derivative already.
        """
        scales, takers = [], {}
        for step in reversed(self.steps):
            scales.append(takers.pop(step.out, -1))
            if step.kind == "reverse":
                takers[step.left] = step.layer
        return tuple(reversed(scales))

    @property
    def bracketing(self):
        """The order as text, such as ``((A4 A3)(A2 A1))``."""
        texts = {}
        for step in self.steps:
            name = f"A{step.layer + 1}"
            if step.kind == "form":
                text = name
            elif step.kind == "reverse":
                text = f"({texts[step.left]} {name})"
            elif step.kind == "forward":
                text = f"({name} {texts[step.right]})"
            elif step.kind == "meet":
                text = f"({texts[step.left]} {texts[step.right]})"
            else:
                text = texts[step.left]
            texts[step.out] = text
        return texts[-1].replace(") (", ")(")

    def __str__(self):
        sweep = {"reverse": "reverse sweep", "forward": "forward sweep"}
        products = {step.kind for step in self.steps if step.multiply_adds}
        name = sweep[products.pop()] if len(products) == 1 and products <= set(sweep) else "meeting blocks"
        if len(self.widths) == 2:
            name = "one factor, no product"
        some_vanish = any(share is not None for share in self.activity[:-1])
        counts = [
            f"    {label:<13}  {dense:>16,}" + f"  {expected:>16,.0f}" * some_vanish
            for label, dense, expected in (
                ("this plan", self.multiply_adds, self.expected_multiply_adds),
                ("forward sweep", self.multiply_adds_forward, self.expected_multiply_adds_forward),
                ("reverse sweep", self.multiply_adds_reverse, self.expected_multiply_adds_reverse),
            )
        ]
        lines = [
            f"Plan of {'-'.join(map(str, self.widths))} for {'a batch' if self.batch else 'one point'}, "
            f"engine {self.engine}, {self.dtype}",
            f"  J = {_shorten(self.bracketing)}    with A_k = D_k W_kᵀ: {name}",
            "  multiply-adds per point" + "           all      of active units" * some_vanish,
            *counts,
            f"  points per tile  {self.n_points_per_tile:>16,}",
            f"  workspace        {self.workspace_nbytes:>16,} bytes per worker",
            "  steps",
        ]
        texts = [_describe(step) for step in self.steps]
        if len(texts) > 20:
            texts[10:-10] = [f"… {len(texts) - 20} more"]
        return "\n".join(lines + [f"    {text}" for text in texts])


def make_plan(widths, *, batch, order="auto", itemsize=8, engine="blas", n_lanes=1, activity=None,
              n_values=None, sizes=None, cost_model=None):
    """Plan the Jacobian of a network of these widths.

    Parameters
    ----------
    widths : sequence of int
        n_0, …, n_L.
    batch : bool
        Whether tiles of several points are computed, or a single point.
    order : {"auto", "forward", "reverse"} or nested tuples
        The bracketing; nested tuples name the layers from 1, the last one first:
        ``((4, 3), (2, 1))`` is (A4 A3)(A2 A1). "auto" takes the cheapest of all.
    itemsize : int
        Bytes of a number.
    engine : str
        Which engine will run the plan.
    n_lanes : int
        Rows of blocks are padded to a multiple of it.
    activity : sequence of float or None, optional
        For each layer, the share of units that are expected to have f' ≠ 0, in (0, 1]; None where the
        engine leaves no unit out, as it is for all layers if not given.
    n_values : int, optional
        Elements of the workspace of the value pass, for one point; those of a network of these widths if
        not given.
    sizes : sequence of int, optional
        Numbers of each weight that are multiplied; all, n_k n_{k−1}, if not given.
    cost_model : CostModel, optional
        What the plan is charged for.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If `order` is not a bracketing of this chain.
    """
    widths = tuple(widths)
    activity = (None,) * (len(widths) - 1) if activity is None else tuple(activity)
    sizes = tuple(map(mul, widths, widths[1:])) if sizes is None else tuple(sizes)
    # `packed` promises a point the same bits alone and in any batch: it has one order for both.
    choices = _choose(widths, batch or engine == "packed", order, activity, sizes, cost_model or CostModel())
    steps, slots = _emit(widths, choices, n_lanes, activity, sizes)
    if n_values is None:
        n_values = n_value_elements(widths, n_lanes)
    n_elements = n_values + sum(slots)
    n_points = max(1, TILE_NBYTES // (n_elements * itemsize)) if batch else 1
    return Plan(widths, batch, steps, slots, n_points, n_points * n_elements * itemsize, engine,
                "float64" if itemsize == 8 else "float32", activity, sizes)


def check_order(order, n_layers):
    """Raise ValueError unless `order` is "auto", "forward", "reverse" or a bracketing of L layers."""
    if isinstance(order, str):
        if order not in ("auto", "forward", "reverse"):
            raise ValueError(f"order: expected 'auto', 'forward', 'reverse' or nested tuples, got {order!r}")
    elif _splits(order)[0] != (1, n_layers):
        raise ValueError(
            f"order: expected a bracketing of the layers {n_layers} to 1, such as "
            f"{'((4, 3), (2, 1))' if n_layers == 4 else 'nested pairs of layer numbers'}, got {order!r}"
        )


def as_activity(activity, n_layers):
    """What the user expects, checked: None, a number for all layers, or a tuple with one for each.

    Raises
    ------
    TypeError
        If it is neither numbers nor None.
    ValueError
        If a number lies outside (0, 1], or there is not one for each layer.
    """
    if activity is None or isinstance(activity, numbers.Real):
        return _as_share(activity, "activity")
    try:
        shares = () if isinstance(activity, str) else tuple(activity)
    except TypeError:
        shares = ()
    if not shares:
        raise TypeError(f"activity: expected a number or one for each layer, got {activity!r}")
    if len(shares) != n_layers:
        raise ValueError(f"activity: expected {n_layers} numbers, one for each layer, got {len(shares)}")
    return tuple(_as_share(share, f"activity: layer {k}") for k, share in enumerate(shares, 1))


def _as_share(share, name):
    if share is None:
        return None
    if not isinstance(share, numbers.Real) or isinstance(share, bool):
        raise TypeError(f"{name}: expected a number in (0, 1], got {share!r}")
    if not 0 < share <= 1:
        raise ValueError(f"{name}: expected a number in (0, 1], got {share}")
    return float(share)


def _is_sparse(activity, k, n_rows):
    """Whether a product leaves out the inactive units of layer k; two blocks, which meet, always do."""
    return activity[k - 1] is not None and n_rows >= FEWEST_SPARSE_ROWS


def _share(activity, k, n_rows=FEWEST_SPARSE_ROWS):
    """The share of layer k's units that this product is expected to sum over."""
    return activity[k - 1] if _is_sparse(activity, k, n_rows) else 1.0


# Choices map a block (i, j, orientation), layers from 1, to how it is made:
#   ("form",), ("reverse",), ("forward",) or ("meet", s, orientation of s+1..j, orientation of i..s).


def _choose(n, batch, order, activity, sizes, cost):
    n_layers = len(n) - 1
    check_order(order, n_layers)
    if order == "reverse" or n_layers == 1:
        return _sweep_choices(n_layers, 1, n_layers, NORMAL)
    if order == "forward":
        return _sweep_choices(n_layers, 1, n_layers, TRANSPOSED)
    costs = _Costs(n, batch, activity, sizes, cost)
    if order != "auto":
        return _choose_bracketing(costs, _splits(order)[1])[1]
    # On equal cost a sweep is taken: it has fewer, larger products.
    return min(
        (costs.reverse_sweep(), _sweep_choices(n_layers, 1, n_layers, NORMAL)),
        (costs.forward_sweep(), _sweep_choices(n_layers, 1, n_layers, TRANSPOSED)),
        _choose_bracketing(costs) if n_layers <= N_LAYERS_EXHAUSTIVE else _choose_meeting_point(costs),
        key=lambda candidate: candidate[0],
    )[1]


def _sweep_choices(n_layers, i, j, orientation):
    """One sweep over the layers i..j."""
    if orientation == NORMAL:
        choices = {(k, j, NORMAL): ("reverse",) for k in range(i, j)}
        choices[j, j, NORMAL] = ("form",)
    else:
        choices = {(i, k, TRANSPOSED): ("forward",) for k in range(i + 1, j + 1)}
        choices[i, i, TRANSPOSED] = ("form",)
    if (i, j, orientation) == (1, n_layers, TRANSPOSED):
        choices[1, n_layers, NORMAL] = ("transpose",)
    return choices


class _Costs:
    """The cost model applied to the steps of one chain."""

    def __init__(self, n, batch, activity, sizes, cost):
        self.n, self.activity, self.sizes, self.cost = n, activity, sizes, cost
        self.separate = cost.separate if batch else cost.stacked
        self.stacked_call = 0.0 if batch else cost.call

    def form(self, i):
        return self.cost.element * self.n[i] * self.n[i - 1]

    def reverse(self, i, j):
        """Block (i+1..j) becomes (i..j)."""
        n = self.n
        stacked = self.cost.stacked * _share(self.activity, i, n[j])
        return n[j] * (n[i] * self.cost.element + stacked * self.sizes[i - 1]) + self.stacked_call

    def forward(self, i, j):
        """Block (i..j−1) becomes (i..j)."""
        n = self.n
        stacked = self.cost.stacked * _share(self.activity, j - 1, n[i - 1])
        return n[i - 1] * (n[j] * self.cost.element + stacked * self.sizes[j - 1]) + self.stacked_call

    def meet(self, i, s, j):
        n = self.n
        return self.separate * n[j] * n[s] * _share(self.activity, s) * n[i - 1] + self.cost.call

    def transpose(self):
        return self.cost.element * self.n[0] * self.n[-1]

    def reverse_sweep(self):
        n_layers = len(self.n) - 1
        return self.form(n_layers) + sum(self.reverse(i, n_layers) for i in range(1, n_layers))

    def forward_sweep(self):
        n_layers = len(self.n) - 1
        return self.form(1) + sum(self.forward(1, j) for j in range(2, n_layers + 1)) + self.transpose()


def _choose_bracketing(costs, splits=None):
    """Dynamic programming over blocks; `splits`, where given, fixes the split of each block.

    Returns the cost of the chain and the choices.
    """
    n_layers = len(costs.n) - 1
    best, choices = {}, {}
    for i in range(1, n_layers + 1):
        for orientation in (NORMAL, TRANSPOSED):
            best[i, i, orientation], choices[i, i, orientation] = costs.form(i), ("form",)
    blocks = [(i, i + size) for size in range(1, n_layers) for i in range(1, n_layers - size + 1)]
    for i, j in blocks if splits is None else sorted(splits, key=lambda block: block[1] - block[0]):
        candidates = {NORMAL: [], TRANSPOSED: []}
        for s in range(i, j) if splits is None else (splits[i, j],):
            # The factor whose rows a product runs along has to lie by rows; the other need not.
            left = min((NORMAL, TRANSPOSED), key=lambda o: best[s + 1, j, o])
            right = min((NORMAL, TRANSPOSED), key=lambda o: best[i, s, o])
            for orientation, sides in ((NORMAL, (left, NORMAL)), (TRANSPOSED, (TRANSPOSED, right))):
                total = best[s + 1, j, sides[0]] + best[i, s, sides[1]] + costs.meet(i, s, j)
                candidates[orientation].append((total, ("meet", s, *sides)))
            if s == i:
                candidates[NORMAL].append((best[i + 1, j, NORMAL] + costs.reverse(i, j), ("reverse",)))
            if s == j - 1:
                candidates[TRANSPOSED].append((best[i, j - 1, TRANSPOSED] + costs.forward(i, j), ("forward",)))
        if (i, j) == (1, n_layers) and candidates[TRANSPOSED]:
            turned = min(candidates[TRANSPOSED], key=lambda candidate: candidate[0])
            candidates[NORMAL].append((turned[0] + costs.transpose(), ("transpose",)))
        for orientation in (NORMAL, TRANSPOSED):
            best[i, j, orientation], choices[i, j, orientation] = min(
                candidates[orientation], key=lambda candidate: (candidate[0], candidate[1][0] == "meet")
            )
    return best[1, n_layers, NORMAL], choices


def _choose_meeting_point(costs):
    """The cheapest single meeting point and its choices, in linear time.

    The blocks grow outwards from the meeting point s, forward to the output and reverse to the input.
    The width n_s multiplies all their products, so that sums of the weights' sizes, times the activity of
    the layer that a step sums over, and of n_k are enough.
    """
    n, sizes, cost = costs.n, costs.sizes, costs.cost
    n_layers = len(n) - 1
    widths = [0, *accumulate(n[1:])]

    def products_of_sweeps(n_rows):
        """Sums over the layers 1..k of what a reverse and a forward step at each cost."""
        reverse = (sizes[k - 1] * _share(costs.activity, k, n_rows) for k in range(1, n_layers + 1))
        forward = (sizes[k - 1] * _share(costs.activity, k - 1, n_rows) for k in range(2, n_layers + 1))
        return [0, *accumulate(reverse)], [0, 0, *accumulate(forward)]

    of_few_rows, of_many_rows = products_of_sweeps(1), products_of_sweeps(FEWEST_SPARSE_ROWS)
    best, best_s = float("inf"), None
    for s in range(1, n_layers):
        reverse, forward = of_many_rows if n[s] >= FEWEST_SPARSE_ROWS else of_few_rows
        products = reverse[s - 1] + forward[n_layers] - forward[s + 1]
        elements = n[s - 1] + widths[s - 1] + widths[n_layers] - widths[s]
        total = n[s] * (cost.stacked * products + cost.element * elements) + costs.meet(1, s, n_layers)
        total += (n_layers - 2) * costs.stacked_call
        if total < best:
            best, best_s = total, s
    choices = _sweep_choices(0, best_s + 1, n_layers, TRANSPOSED) | _sweep_choices(0, 1, best_s, NORMAL)
    choices[1, n_layers, NORMAL] = ("meet", best_s, TRANSPOSED, NORMAL)
    return best, choices


def _splits(order):
    """The block (i, j) that nested tuples cover, and the split of each block in them."""
    if isinstance(order, int):
        return (order, order), {}
    if not (isinstance(order, tuple) and len(order) == 2):
        raise ValueError(f"order: expected pairs of layer numbers or of pairs, got {order!r}")
    (left, left_splits), (right, right_splits) = map(_splits, order)
    if left[0] != right[1] + 1:
        raise ValueError(f"order: layers {left[0]} and {right[1]} are not neighbours, later one first")
    block = right[0], left[1]
    return block, left_splits | right_splits | {block: right[1]}


def padded(n, n_lanes):
    """The next multiple of `n_lanes`."""
    return -(-n // n_lanes) * n_lanes


def n_value_elements(widths, n_lanes):
    """Elements of the workspace of the value pass, for one point: derivatives and three rows."""
    rows = [padded(n, n_lanes) for n in widths]
    return sum(rows[1:]) + 3 * max(rows)


def _emit(n, choices, n_lanes, activity, sizes):
    """The steps that make the block (1..L), and the sizes of the slots that they use."""
    n_layers = len(n) - 1
    steps, slot_sizes, free, done = [], [], [], []

    def take(size):
        if free:
            slot = free.pop()
            slot_sizes[slot] = max(slot_sizes[slot], size)
        else:
            slot = len(slot_sizes)
            slot_sizes.append(size)
        return slot

    # An explicit stack: a chain of a thousand layers is deeper than Python's recursion.
    todo = [((1, n_layers, NORMAL), False)]
    while todo:
        block, operands_ready = todo.pop()
        i, j, orientation = block
        how = choices[block]
        operands = _operands(block, how)
        if not operands_ready:
            todo.append((block, True))
            todo.extend((operand, False) for operand in reversed(operands))
            continue
        slots = [done.pop() for _ in operands][::-1]
        is_result = block == (1, n_layers, NORMAL)
        n_rows, n_cols = (n[i - 1], n[j]) if orientation == TRANSPOSED else (n[j], n[i - 1])
        out = -1 if is_result else take(n_rows * padded(n_cols, n_lanes))
        steps.append(_step(n, block, how, operands, slots, out, activity, sizes))
        free.extend(slots)
        done.append(out)
    return tuple(steps), tuple(slot_sizes)


def _operands(block, how):
    i, j, _ = block
    match how:
        case ("form",):
            return ()
        case ("reverse",):
            return ((i + 1, j, NORMAL),)
        case ("forward",):
            return ((i, j - 1, TRANSPOSED),)
        case ("transpose",):
            return ((i, j, TRANSPOSED),)
        case (_, s, left, right):
            return ((s + 1, j, left), (i, s, right))


def _step(n, block, how, operands, slots, out, activity, sizes):
    i, j, orientation = block
    transposed = orientation == TRANSPOSED

    def sparsity(k, n_rows=FEWEST_SPARSE_ROWS):
        """`sparse` and `activity` of a product that sums over the units of layer k."""
        return k - 1 if _is_sparse(activity, k, n_rows) else -1, _share(activity, k, n_rows)

    match how[0]:
        case "form":
            rows, cols = (n[i - 1], n[i]) if transposed else (n[i], n[i - 1])
            return Step("form", i - 1, rows, 0, cols, -1, -1, out, False, False, transposed)
        case "reverse":
            return Step("reverse", i - 1, n[j], n[i], n[i - 1], slots[0], -1, out, False, False, False,
                        *sparsity(i, n[j]), _size(sizes, n, i))
        case "forward":
            return Step("forward", j - 1, n[i - 1], n[j - 1], n[j], -1, slots[0], out, False, True, True,
                        *sparsity(j - 1, n[i - 1]), _size(sizes, n, j))
        case "transpose":
            return Step("transpose", -1, n[0], 0, n[-1], slots[0], -1, out, True, False, False)
    s = how[1]
    return Step("meet", -1, n[j], n[s], n[i - 1], slots[0], slots[1], out,
                operands[0][2] == TRANSPOSED, operands[1][2] == TRANSPOSED, transposed, *sparsity(s))


def _size(sizes, n, k):
    """What a step says of layer k's weight: nothing if all of it is multiplied."""
    return None if sizes[k - 1] == n[k] * n[k - 1] else sizes[k - 1]


def _describe(step):
    k = step.layer + 1
    out = "J" if step.out < 0 else f"block {step.out}"
    if step.kind == "form":
        return f"{out} ← D{k} W{k}ᵀ" + ("  (held transposed)" if step.out_transposed else "")
    if step.kind == "transpose":
        return f"{out} ← block {step.left} turned"
    shape = f"({step.n_rows}×{step.n_inner})({step.n_inner}×{step.n_cols})"
    if step.size is not None:
        shape += f", of which {step.size:,} are multiplied"
    if step.kind == "reverse":
        return f"{out} ← block {step.left} · D{k} W{k}ᵀ  {shape}"
    if step.kind == "forward":
        return f"{out} ← D{k} W{k}ᵀ · block {step.right}  {shape}"
    return f"{out} ← block {step.left} · block {step.right}  {shape}"


def _shorten(text, limit=72):
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"
