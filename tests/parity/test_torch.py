"""from_torch and from_state_dict against PyTorch: its value and its Jacobian, in double and in single precision."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import assert_agrees

import fastjac as fj
from fastjac import ModelFormatError

torch = pytest.importorskip("torch")

nn = torch.nn

ACTIVATIONS = {
    "ReLU": [nn.ReLU], "ReLU6": [nn.ReLU6], "ELU": [nn.ELU, lambda: nn.ELU(0.6)], "SELU": [nn.SELU],
    "LeakyReLU": [nn.LeakyReLU, lambda: nn.LeakyReLU(0.3)], "PReLU": [nn.PReLU],
    "CELU": [nn.CELU, lambda: nn.CELU(0.6)], "Hardtanh": [nn.Hardtanh, lambda: nn.Hardtanh(-0.3, 0.7)],
    "Hardsigmoid": [nn.Hardsigmoid], "Hardswish": [nn.Hardswish], "Tanh": [nn.Tanh], "Sigmoid": [nn.Sigmoid],
    "LogSigmoid": [nn.LogSigmoid], "Softplus": [nn.Softplus, lambda: nn.Softplus(2.5)], "Softsign": [nn.Softsign],
    "SiLU": [nn.SiLU], "Mish": [nn.Mish], "GELU": [nn.GELU, lambda: nn.GELU("tanh")], "Tanhshrink": [nn.Tanhshrink],
    "Softshrink": [nn.Softshrink, lambda: nn.Softshrink(0.1)], "Threshold": [lambda: nn.Threshold(0.2, 0)],
    "Hardshrink": [nn.Hardshrink, lambda: nn.Hardshrink(0.1)], "RReLU": [nn.RReLU],
    "Softmax": [lambda: nn.Softmax(-1)], "LogSoftmax": [lambda: nn.LogSoftmax(-1)],
}
# PyTorch's own derivative has a factor, 1/6 or 1/alpha, in single precision.
ROUNDED = ("Hardsigmoid()", "CELU(alpha=0.6)")
CHOICES = [make for makes in ACTIVATIONS.values() for make in makes]


def slopes(n):
    module = nn.PReLU(n)
    nn.init.normal_(module.weight)
    return module


def batch_norm(n):
    module = nn.BatchNorm1d(n)
    for array in (module.weight, module.bias, module.running_mean):
        nn.init.normal_(array)
    nn.init.uniform_(module.running_var, 0.3, 2.0)
    return module


def norm(make):
    def made(n):
        module = make(n)
        for array in module.parameters():
            nn.init.normal_(array)
        return module

    return made


BETWEEN = {
    "layer norm": norm(nn.LayerNorm), "layer norm without shift": norm(lambda n: nn.LayerNorm(n, 0.1, bias=False)),
    "plain layer norm": lambda n: nn.LayerNorm(n, elementwise_affine=False),
    "rms norm": norm(lambda n: nn.RMSNorm(n, 1e-3)), "plain rms norm": lambda n: nn.RMSNorm(n, 0.1, False),
    "batch norm": batch_norm, "plain batch norm": lambda n: nn.BatchNorm1d(n, affine=False), "slopes": slopes,
    "dropout": lambda n: nn.Dropout(), "identity": lambda n: nn.Identity(), "flatten": lambda n: nn.Flatten(),
    "empty": lambda n: nn.Sequential(),
}


def double(module):
    """A copy of a module in double precision; it computes, with the same weights, what the other rounds."""
    return deepcopy(module).double()


def check(module, n_in, seed, tolerance):
    net = fj.from_torch(module)
    exact = double(module)
    for x in np.random.default_rng(seed).normal(size=(3, n_in)).astype(net.dtype):
        point = torch.tensor(x, dtype=torch.float64)[None]
        J = torch.autograd.functional.jacobian(lambda x: exact(x)[0], point)[:, 0]
        assert_agrees(net, x, exact(point)[0].detach().numpy(), J.numpy(), tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("make", CHOICES, ids=lambda make: str(make()))
def test_activation(make, dtype):
    torch.manual_seed(0)
    tolerance = 2e-6 if dtype == torch.float32 else 1e-7 if str(make()) in ROUNDED else 1e-13
    check(nn.Sequential(nn.Linear(4, 9), make(), nn.Linear(9, 3)).to(dtype).eval(), 4, 0, tolerance)


def test_every_activation_is_tried():
    from fastjac.formats.torch import ACTIVATIONS as READ

    assert set(ACTIVATIONS) == set(READ)


@settings(max_examples=30, derandomize=True)
@given(
    widths=st.lists(st.integers(1, 12), min_size=2, max_size=5), seed=st.integers(0, 999), nested=st.booleans(),
    single=st.booleans(), data=st.data(),
)
def test_random_chain(widths, seed, nested, single, data):
    torch.manual_seed(seed)
    children = []
    for n_in, n_out in zip(widths, widths[1:]):
        layer = [nn.Linear(n_in, n_out, bias=data.draw(st.booleans()))]
        layer += [BETWEEN[name](n_out) for name in data.draw(st.lists(st.sampled_from(sorted(BETWEEN)), max_size=2))]
        # Smooth ones: at a kink that both cannot see alike, a rounding changes J.
        layer.append(data.draw(st.sampled_from([nn.Tanh, nn.SiLU, nn.GELU, nn.Softplus, nn.Mish, nn.ELU]))())
        children += [nn.Sequential(*layer)] if nested else layer
    module = nn.Sequential(*children).to(torch.float32 if single else torch.float64).eval()
    check(module, widths[0], seed, 2e-5 if single else 1e-12)


def test_softplus_beyond_its_threshold():
    module = nn.Sequential(nn.Linear(1, 1), nn.Softplus(beta=0.5)).double()
    net = fj.from_torch(module)
    for x in (30.0, 100.0, -100.0):
        point = torch.tensor([[x]], dtype=torch.float64)
        assert abs(net([x])[0] - module(point).item()) <= 2.1e-9 / 0.5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rms_norm_without_epsilon(dtype):
    """It takes the rounding of its input, which shows where that is small."""
    module = nn.RMSNorm(3, dtype=dtype)
    net = fj.from_torch(module)
    x = 1e-4 * torch.tensor([1.0, -2.0, 0.5], dtype=dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    np.testing.assert_allclose(net(x.numpy()), module(x).detach().numpy(), rtol=tolerance)


def test_half_precision():
    torch.manual_seed(0)
    for dtype in (torch.float16, torch.bfloat16):
        module = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 3)).to(dtype)
        assert fj.from_torch(module).dtype == np.float32
        check(module, 4, 0, 2e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_state_dict(dtype):
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(4, 4), nn.Tanh())][:-1]
    module = nn.Sequential(*layers).to(dtype)
    net = fj.from_state_dict(module.state_dict(), "tanh")
    same = fj.from_torch(module)
    assert net.dtype == same.dtype
    x = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(net.jacobian(x), same.jacobian(x))


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(x) ** 2


def hooked():
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda module, x, y: 2 * y)
    return module


@pytest.mark.parametrize(
    "make, words",
    [
        (Own, "its own forward"),
        (hooked, "forward hooks"),
        (lambda: nn.utils.parametrizations.orthogonal(nn.Linear(2, 2)), "parametrizations"),
        (lambda: nn.GroupNorm(1, 2), "GroupNorm"),
        (lambda: nn.Conv1d(2, 2, 1), "Conv1d"),
        (lambda: nn.LazyLinear(2), "LazyLinear"),
        (lambda: nn.ModuleList([nn.Linear(2, 2)]), "ModuleList"),
        (lambda: nn.BatchNorm1d(2, track_running_stats=False), "track_running_stats"),
        (lambda: nn.Linear(2, 2, device="meta"), "meta"),
        (lambda: nn.Softmin(1), "Softmin"),
    ],
)
def test_what_cannot_be_read_is_named(make, words):
    with pytest.raises(ModelFormatError, match=f"module '0'.*{words}"):
        fj.from_torch(nn.Sequential(make()).eval())


@pytest.mark.parametrize("child", [nn.BatchNorm1d(2), nn.Dropout(), nn.RReLU()])
def test_training_mode_is_refused(child):
    with pytest.raises(ModelFormatError, match="evaluation mode"):
        fj.from_torch(nn.Sequential(nn.Linear(2, 2), child))
