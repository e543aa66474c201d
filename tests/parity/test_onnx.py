"""from_onnx against the programs that export: PyTorch by tracing and by its compiler, scikit-learn."""

import copy

import numpy as np
import pytest
from standins import assert_agrees, jacobian_by_differences

import fastjac as fj

pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of the exporters


class TestTorch:
    torch = None

    @pytest.fixture(autouse=True)
    def need_torch(self):
        type(self).torch = pytest.importorskip("torch")
        self.torch.manual_seed(0)

    @pytest.fixture(params=["traced", "traced to version 16", "compiled"])
    def exported(self, request, tmp_path):
        """Function from a module to the network of its file."""
        torch = self.torch
        if request.param == "compiled":
            pytest.importorskip("onnxscript")

        def export(module, n_in):
            path = tmp_path / "net.onnx"
            x = torch.zeros(2, n_in, dtype=next(module.parameters()).dtype)
            if request.param != "compiled":
                version = 16 if "16" in request.param else None
                torch.onnx.export(module, (x,), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "n"}},
                                  opset_version=version)
            else:
                shapes = ({0: torch.export.Dim.DYNAMIC},)
                torch.onnx.export(module, (x,), dynamo=True, verbose=False, dynamic_shapes=shapes).save(path)
            return fj.from_onnx(path)

        return export

    def check(self, net, module, tolerance):
        torch = self.torch
        exact = copy.deepcopy(module).double()
        for x in np.random.default_rng(0).normal(size=(3, net.n_in)).astype(net.dtype):
            point = torch.tensor(x, dtype=torch.float64)[None]
            J = torch.autograd.functional.jacobian(lambda x: exact(x)[0], point)[:, 0]
            assert_agrees(net, x, exact(point)[0].detach().numpy(), J.numpy(), tolerance)

    @pytest.mark.parametrize("name", [
        "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "Hardtanh", "Hardsigmoid", "Hardswish", "Tanh",
        "Sigmoid", "LogSigmoid", "Softplus", "Softsign", "SiLU", "Mish", "GELU", "Tanhshrink", "Softshrink",
        "Hardshrink",
    ])  # fmt: skip
    def test_activation(self, exported, name):
        nn = self.torch.nn
        module = nn.Sequential(nn.Linear(4, 9), getattr(nn, name)(), nn.Linear(9, 3)).eval()
        self.check(exported(module, 4), module, 2e-6)

    @pytest.mark.parametrize("seed", range(8))
    def test_random_blocks(self, exported, seed):
        """Norms, skips, skips with a layer, softmax inside a block, in both types."""
        torch, nn = self.torch, self.torch.nn
        torch.manual_seed(seed)
        random = np.random.default_rng(seed)

        class RMSNorm(nn.Module):  # as users wrote it before there was one; exporters to older versions have none
            def __init__(self, n):
                super().__init__()
                self.weight = nn.Parameter(torch.randn(n))

            def forward(self, x):
                return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-3) * self.weight

        class Block(nn.Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                n = int(random.integers(1, 9))
                norms = [nn.LayerNorm, RMSNorm, lambda n: nn.LayerNorm(n, bias=False)]
                norm = random.choice(norms)
                activation = random.choice([nn.SiLU, nn.GELU, nn.Tanh, lambda: nn.Softmax(-1)])()
                self.inner = nn.Sequential(norm(n_in), nn.Linear(n_in, n), activation, nn.Linear(n, n_out))
                self.skip = nn.Identity() if n_in == n_out else nn.Linear(n_in, n_out)

            def forward(self, x):
                return self.skip(x) + self.inner(x)

        widths = random.choice([3, 5], size=5)
        blocks = [Block(int(n), int(m)) for n, m in zip(widths, widths[1:])]
        module = nn.Sequential(nn.Linear(4, int(widths[0])), *blocks, nn.LayerNorm(int(widths[-1]))).eval()
        self.check(exported(module, 4), module, 5e-5)
        module.double()
        self.check(exported(module, 4), module, 1e-8)  # an epsilon is float32 in a file

    def test_skips_in_double(self, exported):
        torch, nn = self.torch, self.torch.nn

        class Blocks(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.inner, self.last = nn.Linear(4, 7), nn.Linear(7, 7), nn.Linear(11, 3)
                self.norm, self.past = nn.BatchNorm1d(7), nn.Linear(4, 7)
                self.register_buffer("mean", torch.randn(4))
                self.register_buffer("std", torch.rand(4) + 0.5)

            def forward(self, x):
                z = (x - self.mean) / self.std
                h = torch.tanh(self.norm(self.first(z)))
                h = h + nn.functional.gelu(self.inner(h))
                h = nn.functional.silu(self.inner(h) + self.past(z))
                return self.last(torch.cat([z, h], dim=-1))

        module = Blocks().double().eval()
        self.check(exported(module, 4), module, 1e-12)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_pipeline_of_scikit_learn(classes):
    skl2onnx = pytest.importorskip("skl2onnx")
    network = pytest.importorskip("sklearn.neural_network")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) * [1, 5, 0.1] + [0, 10, -2]
    options = {"hidden_layer_sizes": (6, 5), "activation": "tanh", "max_iter": 50, "random_state": 0}
    make, target = (network.MLPClassifier, np.arange(60) % classes) if classes else (network.MLPRegressor, X[:, 0] ** 2)
    pipeline = make_pipeline(StandardScaler(), make(**options)).fit(X, target)
    net = fj.from_onnx(skl2onnx.to_onnx(pipeline, X[:1]), output="output_probability" if classes else None)

    def function(x):
        predict = pipeline.predict_proba if classes else pipeline.predict
        return predict(x[None]).reshape(-1)

    for x in X[:3]:
        assert_agrees(net, x, function(x), jacobian_by_differences(function, x, 1e-3), 1e-9)
