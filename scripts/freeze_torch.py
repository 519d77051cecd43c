"""Compute gradients, losses and short trainings with PyTorch and write them as JSON, to be compared with.

It knows nothing of deltarule. Where PyTorch is installed: python scripts/freeze_torch.py tests/peers/data
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": lambda z: F.softplus(z, threshold=1e9),
    "exponential": torch.exp,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}


def mean_over_outputs(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """PyTorch's loss without reduction, averaged over the outputs of a row."""
    return lambda y, y_hat: function(y_hat, y, reduction="none").mean(dim=1)


def poisson(y: Tensor, y_hat: Tensor) -> Tensor:
    """Half the deviance: PyTorch's negative log-likelihood minus its smallest value."""
    nll = F.poisson_nll_loss(y_hat, y, log_input=False, eps=0.0, reduction="none")
    return (nll - (y - torch.xlogy(y, y))).sum(dim=1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean_squared_error": mean_over_outputs(F.mse_loss),
    "half_squared_error": lambda y, y_hat: 0.5 * F.mse_loss(y_hat, y, reduction="none").sum(dim=1),
    "sum_squared_error": lambda y, y_hat: F.mse_loss(y_hat, y, reduction="none").sum(dim=1),
    "absolute_error": mean_over_outputs(F.l1_loss),
    "huber": mean_over_outputs(F.huber_loss),
    "binary_cross_entropy": lambda y, y_hat: F.binary_cross_entropy(y_hat, y, reduction="none").sum(dim=1),
    "cross_entropy": lambda y, y_hat: -(y * torch.log(y_hat)).sum(dim=1),
    "poisson": poisson,
}

FROM_Z: dict[tuple[str, str], Callable[[Tensor, Tensor], Tensor]] = {
    ("binary_cross_entropy", "sigmoid"): lambda y, z: F.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ).sum(dim=1),
    ("cross_entropy", "softmax"): lambda y, z: F.cross_entropy(z, y, reduction="none"),
    ("poisson", "exponential"): lambda y, z: (
        F.poisson_nll_loss(z, y, log_input=True, reduction="none") - (y - torch.xlogy(y, y))
    ).sum(dim=1),
}

ANY_OUTPUT = tuple(ACTIVATIONS)
OUTPUTS = {
    "binary_cross_entropy": ("sigmoid", "softmax"),
    "cross_entropy": ("softmax",),
    "poisson": ("sigmoid", "softplus", "exponential", "softmax"),
}
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05),
    "adam with other settings": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.99), eps=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1),
    "two rates": lambda p: torch.optim.SGD([{"params": p[:2], "lr": 0.2}, {"params": p[2:], "lr": 0.05}]),
}
TRAININGS = (
    ("mean_squared_error", "identity", "tanh"),
    ("half_squared_error", "tanh", "gelu"),
    ("huber", "identity", "relu"),
    ("binary_cross_entropy", "sigmoid", "sigmoid"),
    ("cross_entropy", "softmax", "silu"),
    ("poisson", "exponential", "softplus"),
)
N, INPUTS, HIDDEN = 6, 3, 4


def numbers(rng: random.Random, *shape: int, scale: float = 1.0) -> Any:
    """Normal numbers with five decimals, as nested lists."""
    if not shape:
        return round(rng.gauss(0.0, scale), 5)
    return [numbers(rng, *shape[1:], scale=scale) for _ in range(shape[0])]


def targets(rng: random.Random, loss: str, k: int) -> list[list[float]]:
    """Targets in the domain of the loss."""
    rows = [[rng.random() for _ in range(k)] for _ in range(N)]
    if loss == "cross_entropy":
        return [[round(v / sum(row), 5) for v in row] for row in rows]
    if loss == "binary_cross_entropy":
        return [[round(v, 5) if i % 2 else float(v > 0.5) for v in row] for i, row in enumerate(rows)]
    if loss == "poisson":
        return [[float(int(4.0 * v)) for v in row] for row in rows]
    return numbers(rng, N, k)


def network(case: dict[str, Any], parameters: list[Tensor]) -> Tensor:
    """The last z of a network with one hidden layer."""
    W1, b1, W2, b2 = parameters
    hidden = ACTIVATIONS[case["hidden"]](torch.tensor(case["X"]) @ W1 + b1)
    if "dropout" in case:
        hidden = hidden * torch.tensor(case["dropout"])
    return hidden @ W2 + b2 + torch.tensor(case["offset"])


def objective(case: dict[str, Any], parameters: list[Tensor]) -> Tensor:
    """Σ wᵢ ℓᵢ / Σ wᵢ; PyTorch's own stable form where it has one."""
    z, y, w = network(case, parameters), torch.tensor(case["y"]), torch.tensor(case["w"])
    from_z = FROM_Z.get((case["loss"], case["output"]))
    per_row = LOSSES[case["loss"]](y, ACTIVATIONS[case["output"]](z)) if from_z is None else from_z(y, z)
    return (w * per_row).sum() / w.sum()


def draw(rng: random.Random, loss: str, output: str, hidden: str, k: int) -> dict[str, Any]:
    """A network with rows."""
    shapes = ((INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, k), (k,))
    return {
        "loss": loss,
        "output": output,
        "hidden": hidden,
        "X": numbers(rng, N, INPUTS),
        "y": targets(rng, loss, k),
        "w": [round(rng.uniform(0.5, 2.0), 5) if row % 3 else 0.0 for row in range(N)],
        "offset": numbers(rng, N, k, scale=0.3),
        "parameters": [numbers(rng, *shape, scale=0.6) for shape in shapes],
    }


def leaves(case: dict[str, Any]) -> list[Tensor]:
    return [torch.tensor(values, requires_grad=True) for values in case["parameters"]]


def activation_cases() -> list[dict[str, Any]]:
    """φ(z) and the gradient of Σ c φ(z) on rows of three."""
    rng = random.Random(1)
    z = [
        [-30.0, 0.0, 30.0],
        [-8.0, -3.0, -1.0],
        [1.0, 3.0, 8.0],
        [-0.5, 0.25, 1e-3],
        *numbers(rng, 6, 3, scale=2.0),
    ]
    c = numbers(rng, len(z), 3)
    cases = []
    for name, value in ACTIVATIONS.items():
        leaf = torch.tensor(z, requires_grad=True)
        a = value(leaf)
        (a * torch.tensor(c)).sum().backward()
        cases.append({"name": name, "z": z, "c": c, "a": a.tolist(), "d_z": leaf.grad.tolist()})
    return cases


def with_gradient(case: dict[str, Any]) -> dict[str, Any]:
    """The case with its objective and the gradient of that."""
    parameters = leaves(case)
    J = objective(case, parameters)
    J.backward()
    return {**case, "objective": J.item(), "gradient": [leaf.grad.tolist() for leaf in parameters]}


def gradient_cases() -> list[dict[str, Any]]:
    """Objective and gradient for every pair of loss and output, the hidden activation taking turns."""
    rng, cases = random.Random(2), []
    pairs = [(loss, output) for loss in LOSSES for output in OUTPUTS.get(loss, ANY_OUTPUT)]
    for turn, (loss, output) in enumerate(pairs):
        k = 2 + turn % 3 if output == "softmax" else 1 + turn % 4  # softmax of one output is always 1
        case = draw(rng, loss, output, ANY_OUTPUT[turn % len(ANY_OUTPUT)], k)
        cases.append(with_gradient(case))
    return cases


def dropout_cases() -> list[dict[str, Any]]:
    """As gradient_cases, with hidden units left out: the factor of each is 0 or 2.5."""
    rng, cases = random.Random(4), []
    for hidden in ACTIVATIONS:
        case = draw(rng, "half_squared_error", "tanh", hidden, 2)
        case["dropout"] = [[2.5 * float(rng.random() > 0.6) for _ in range(HIDDEN)] for _ in range(N)]
        cases.append(with_gradient(case))
    return cases


def training_cases() -> list[dict[str, Any]]:
    """The objective before each of ten full-batch steps, and the parameters after the last."""
    rng, cases = random.Random(3), []
    for loss, output, hidden in TRAININGS:
        drawn = draw(rng, loss, output, hidden, k=2)
        for name, make in OPTIMIZERS.items():
            case = {**drawn, "optimizer": name}
            parameters = leaves(case)
            optimizer, losses = make(parameters), []
            for _ in range(10):
                optimizer.zero_grad()
                J = objective(case, parameters)
                J.backward()
                optimizer.step()
                losses.append(J.item())
            case["losses"] = losses
            case["after"] = [parameter.tolist() for parameter in parameters]
            cases.append(case)
    return cases


LOSSES_BY_EPOCH = [
    5.0,
    4.0,
    4.0,
    3.9999,
    4.2,
    3.0,
    3.1,
    3.2,
    3.3,
    3.4,
    2.9999,
    2.9998,
    2.5,
    2.6,
    2.7,
    2.8,
    2.9,
    3.0,
]


def schedule_cases() -> list[dict[str, Any]]:
    """The learning rate of each epoch; only those on a plateau depend on the losses."""
    on_plateau = {
        "plateau": {"factor": 0.5, "patience": 1},
        "plateau with a rest": {
            "factor": 0.1,
            "patience": 0,
            "cooldown": 2,
            "min_lr": 1e-3,
            "threshold": 1e-2,
        },
    }
    makers = {
        "step": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=4, gamma=0.5),
        "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.9),
        "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(
            o, T_max=len(LOSSES_BY_EPOCH), eta_min=0.01
        ),
        **{
            name: lambda o, settings=settings: torch.optim.lr_scheduler.ReduceLROnPlateau(o, **settings)
            for name, settings in on_plateau.items()
        },
    }
    cases = []
    for name, make in makers.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
        schedule, rates = make(optimizer), []
        for loss in LOSSES_BY_EPOCH:
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step(*([loss] if name in on_plateau else []))
        cases.append({"name": name, "losses": LOSSES_BY_EPOCH, "rates": rates})
    return cases


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "activations": activation_cases(),
        "gradients": gradient_cases(),
        "trainings": training_cases(),
        "schedules": schedule_cases(),
        "dropout": dropout_cases(),
    }
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (folder / f"torch_{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(f"{len(cases)} cases in {folder / f'torch_{name}.json'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
