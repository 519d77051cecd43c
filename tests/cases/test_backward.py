"""The backward-pass article: descent on plain functions, batches, the parity of numbers, digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_digits

import deltarule as dr
from deltarule.core.activations import SIGMOID
from deltarule.core.metrics import METRICS
from deltarule.data.batches import BatchPlan
from tests.cases.support import CASES, Case, cases, legacy, network

Floats = NDArray[np.float64]
Numbers = NDArray[np.integer]

# -- descent on a plain function -------------------------------------------------------------------------


@cases("back.parabola")
def test_parabola(case: Case) -> None:
    given = case.inputs
    path = dr.descend(
        lambda x: float(x[0] ** 2),
        lambda x: 2.0 * x,
        given["x0"],
        learning_rate=given["eta"],
        steps=given["steps"],
    )
    case.reaches(x=path.points[:, 0])
    case.close(path.points[:, 0], given["x0"] * (1.0 - 2.0 * given["eta"]) ** np.arange(given["steps"] + 1))


@cases("back.paraboloid")
def test_paraboloid(case: Case) -> None:
    given, expected = case.inputs, case.expected
    path = dr.descend(
        lambda p: float(p @ p),
        lambda p: 2.0 * p,
        [given["a"], given["b"]],
        learning_rate=given["eta"],
        steps=given["steps"],
    )
    case.close(path.points[1:], [[step["a"], step["b"]] for step in expected["steps"]])
    case.close(path.values[:-1], [step["error_before_update"] for step in expected["steps"]])
    errors = path.values[:-1]
    case.reaches(final=path.points[-1], error_sum=errors.sum(), mean_error_correct=errors.mean())
    case.reaches(
        sum_over_last_index=errors.sum() / (len(errors) - 1)
    )  # divided by the last index, not the count
    for step, a, b, error in case.printed:
        assert (float(f"{path.points[step + 1][0]:.2}"), float(f"{path.points[step + 1][1]:.2}")) == (a, b)
        assert float(f"{path.values[step]:.5}") == error


# -- the error of one example, and its backward pass -----------------------------------------------------


@cases("back.error")
def test_error_of_one_example(case: Case) -> None:
    net = network(["identity"], [np.eye(2)])
    g = net.gradients([case.inputs["a"]], [case.inputs["y"]], loss="sum_squared_error")
    case.reaches(E=g.objective, dE_da=g.delta[0][0])


@cases("back.hadamard")
def test_delta_is_an_elementwise_product(case: Case) -> None:
    """d_a ⊙ φ′(z), with a φ whose slope is z."""
    half_square = dr.Activation("half square", value=lambda z: 0.5 * z * z, slope=lambda z, a: z)
    z, d_a = np.array([case.inputs["a"]], dtype=float), np.array([case.inputs["b"]], dtype=float)
    case.reaches(product=half_square.derivative(z, half_square.value(z), d_a)[0])


def column_network(W2: ArrayLike, b2: ArrayLike, W3: ArrayLike, b3: ArrayLike) -> dr.Network:
    """The article has column vectors and W of shape (n_out, n_in): our transpose."""
    return network(["sigmoid", "sigmoid"], [np.transpose(W2), np.transpose(W3)], [b2, b3])


def test_equations_in_columns() -> None:
    """delta³ = -2 (y - a) ⊙ σ′(z³), delta² = W³ᵀ delta³ ⊙ σ′(z²), dW = delta aᵀ and db = delta, literally."""
    rng = legacy(2)
    W2, b2, W3, b3 = rng.randn(3, 2), rng.randn(3, 1), rng.randn(2, 3), rng.randn(2, 1)
    x, y = rng.randn(2, 1), np.array([[0.0], [1.0]])
    a2 = SIGMOID.value(W2 @ x + b2)
    a3 = SIGMOID.value(W3 @ a2 + b3)
    delta3 = -2.0 * (y - a3) * a3 * (1.0 - a3)
    delta2 = (W3.T @ delta3) * a2 * (1.0 - a2)
    g = column_network(W2, b2[:, 0], W3, b3[:, 0]).gradients(x.T, y.T, loss="sum_squared_error")
    np.testing.assert_allclose(g.dW[1].T, delta3 @ a2.T, rtol=1e-13)
    np.testing.assert_allclose(g.dW[0].T, delta2 @ x.T, rtol=1e-13)
    np.testing.assert_allclose(np.column_stack(g.delta).T, np.vstack([delta2, delta3]), rtol=1e-13)


# -- batches ---------------------------------------------------------------------------------------------


@cases("back.batches")
def test_remainder_goes_into_the_last_batch(case: Case) -> None:
    for (n, size), wanted in zip(case.inputs["cases"], case.expected["intended"], strict=True):
        batches = [np.arange(n)[batch] for batch in BatchPlan(n, size, remainder="merge").epoch(0)]
        assert (len(batches), len(batches[0]), len(batches[-1])) == (
            wanted["n_batches"],
            wanted["first"],
            wanted["last"],
        )
        assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(n))
    net = dr.Network([1, 1], activations=["identity"])
    history = net.train(
        np.zeros(700), np.zeros(700), batch_size=8, remainder="merge", epochs=2, record_steps=True
    )
    assert [len(losses) for losses in history.step_losses] == [87, 87]


def merged(order: Numbers, size: int) -> list[Numbers]:
    """The article's batches: the rows left over go into the last one."""
    return np.split(order, range(size, len(order) - len(order) % size, size))


def shuffled(rng: np.random.RandomState, n: int, size: int, epochs: int) -> Callable[[int], list[Numbers]]:
    """The article's batches of every epoch: a fresh shuffle of 0 ... n - 1 each."""
    orders = []
    for _ in range(epochs):
        order = np.arange(n)
        rng.shuffle(order)
        orders.append(order)
    return lambda epoch: merged(orders[epoch], size)


# -- parity of 10-bit numbers ----------------------------------------------------------------------------


def bits(numbers: ArrayLike) -> Floats:
    """Ten binary digits, the least significant last."""
    return (np.asarray(numbers)[:, np.newaxis] >> np.arange(9, -1, -1) & 1).astype(float)


def parity(numbers: ArrayLike) -> Floats:
    """[0, 1] for even numbers, [1, 0] for odd ones."""
    return dr.one_hot(np.asarray(numbers) % 2 == 0, classes=[False, True])


START, PARITY = CASES["back.parity.first_step"].inputs, CASES["back.parity.seed0.corrected"].inputs
TRAIN, TEST = np.arange(*PARITY["train_numbers"]), np.arange(*PARITY["test_numbers"])
SIZE, ETA = PARITY["bt_size"], PARITY["eta"]


def drawn(rng: np.random.RandomState, structure: list[int]) -> dr.Network:
    """The article's start: standard normal numbers, W then b of each layer."""
    i, h, o = structure
    return column_network(rng.randn(h, i), rng.randn(h), rng.randn(o, h), rng.randn(o))


@cases("back.parity.first_step")
def test_first_step(case: Case) -> None:
    given = case.inputs
    net = column_network(given["W2"], given["b2"], given["W3"], given["b3"])
    rng = legacy(0)
    case.close(net.theta, drawn(rng, given["structure"]).theta)
    batch = shuffled(rng, len(TRAIN), SIZE, 1)(0)[0]
    assert batch.tolist() == given["batch_numbers"]
    g = net.gradients(bits(batch), parity(batch), loss="sum_squared_error")
    case.reaches(mean_error=g.objective, dW2=g.dW[0].T, dW3=g.dW[1].T)
    case.close(g.db[0], case.expected["db2"])
    case.close(g.db[1], case.expected["db3"])


@cache
def run_of(seed: int, epochs: int, by_own_length: bool) -> tuple[dr.Network, Floats]:
    """Train on the parity of 0 ... 699; return the network and the mean batch error of each epoch.

    The article's code divides every batch by 8, the last one of 12 rows too: that is a sum over the rows
    with an eighth of the learning rate, and 12/8 of the last batch's error. Its printed trace has this in it.
    """
    rng = legacy(seed)
    net = drawn(rng, START["structure"])
    batches = shuffled(rng, len(TRAIN), SIZE, epochs)
    history = net.train(
        bits(TRAIN),
        parity(TRAIN),
        loss="sum_squared_error",
        reduction="mean" if by_own_length else "sum",
        optimizer=dr.SGD(ETA if by_own_length else ETA / SIZE),
        batches=batches,
        epochs=epochs,
        record_steps=True,
    )
    steps = np.array(history.step_losses)
    if not by_own_length:
        steps *= np.array([len(batch) for batch in batches(0)]) / SIZE
    return net, steps.mean(axis=1)


def accuracy(net: dr.Network, numbers: ArrayLike) -> float:
    return float(np.mean(np.argmax(net.predict(bits(numbers)), axis=1) == np.argmax(parity(numbers), axis=1)))


def lsb_is_heaviest(net: dr.Network) -> NDArray[np.bool_]:
    """Whether each hidden unit has its largest weight on the least significant bit."""
    return np.argmax(np.abs(net.weights[0]), axis=0) == 9


@cases("back.parity.seed0.*")
def test_parity_from_seed_0(case: Case) -> None:
    given, expected = case.inputs, case.expected
    net, errors = run_of(given["seed"], given["epochs"], case.name.endswith("corrected"))
    for epoch, error in expected["error_at_epoch"].items():
        case.close(errors[int(epoch)], error, epoch)
    assert [accuracy(net, TRAIN), accuracy(net, TEST)] == [
        expected["train_accuracy"],
        expected["test_accuracy"],
    ]
    case.reaches(test_mean_sse=net.gradients(bits(TEST), parity(TEST), loss="sum_squared_error").objective)
    final = expected["final"]
    case.close(net.theta, column_network(final["W2"], final["b2"], final["W3"], final["b3"]).theta)
    assert bool(lsb_is_heaviest(net).all()) is expected["lsb_has_largest_weight_in_every_hidden_unit"]


@cases("back.parity.seed0.corrected")
def test_published_order(case: Case) -> None:
    rng = legacy(case.inputs["seed"])
    drawn(rng, START["structure"])
    order = np.concatenate(shuffled(rng, len(TRAIN), SIZE, 1)(0))
    assert order.tolist() == case.inputs["first_epoch_permutation"]


@cases("back.parity.seed0.as_printed")
def test_printed_trace_holds_the_wrong_divisor(case: Case) -> None:
    """Five digits agree, except for the last epoch, whose last digit was cut off by hand."""
    epochs = case.inputs["epochs"]
    _, errors = run_of(case.inputs["seed"], epochs, False)
    for epoch, printed in case.printed.items():
        digits = 1e-8 if int(epoch) == epochs - 1 else 0.5e-4 * printed
        assert abs(errors[int(epoch)] - printed) <= digits
    _, right = run_of(case.inputs["seed"], 1, True)
    assert round(right[0], 5) == 0.48011 != case.printed["0"]


@cases("back.parity.many.seed_divisor")
def test_first_ten_epochs_of_many_starts(case: Case) -> None:
    for seed, first, tenth, *_ in case.expected["per_seed"]:
        _, errors = run_of(seed, 10, False)
        case.close(errors[[0, 9]], [first, tenth], f"seed {seed}")


@pytest.mark.slow
@cases("back.parity.many.seed_divisor")
def test_many_starts_to_the_end(case: Case) -> None:
    expected, errors, heaviest = case.expected, [], []
    for seed, first, tenth, last, test_accuracy in expected["per_seed"]:
        net, trace = run_of(seed, case.inputs["epochs"], False)
        case.close(trace[[0, 9, 999]], [first, tenth, last], f"seed {seed}")
        assert (accuracy(net, TRAIN), accuracy(net, TEST)) == (1.0, test_accuracy)
        errors.append(trace)
        heaviest.append(lsb_is_heaviest(net))
    for epoch in (0, 9, 99, 999):
        wanted = expected[f"error_epoch{epoch}"]
        found = np.array(errors)[:, epoch]
        case.close(
            [found.min(), np.median(found), found.max()], [wanted[key] for key in ("min", "median", "max")]
        )
    case.reaches(
        fraction_lsb_largest_in_every_hidden_unit=np.mean(np.all(heaviest, axis=1)),
        fraction_lsb_largest_in_some_hidden_unit=np.mean(np.any(heaviest, axis=1)),
    )


# -- predictions, accuracy, files ------------------------------------------------------------------------


@cases("back.accuracy")
def test_accuracy_divides_by_all_examples(case: Case) -> None:
    y, y_hat = dr.one_hot(case.inputs["y"]), dr.one_hot(case.inputs["pred"])
    value = METRICS["accuracy"].value(y, y_hat, np.ones(len(y)))
    case.reaches(accuracy=value, correct_per_incorrect=value / (1.0 - value))  # correct / incorrect


@cases("back.predict")
def test_the_largest_output_decides(case: Case) -> None:
    """On a tie the first one."""
    net = network(["identity"], [np.eye(2)])
    case.reaches(argmax=np.argmax(net.predict(case.inputs["outputs"]), axis=1))


@cases("back.save_load")
def test_save_and_load(case: Case, tmp_path: Path) -> None:
    net = drawn(legacy(0), case.inputs["structure"])
    net.save(tmp_path / "parity.safetensors")
    back = dr.load(tmp_path / "parity.safetensors")
    assert net.theta.size == case.expected["n_parameters"]
    assert back.theta.tobytes() == net.theta.tobytes()
    assert np.array_equal(back.predict(bits(TEST)), net.predict(bits(TEST)))


# -- digits ----------------------------------------------------------------------------------------------


@cases("back.digits.surrogate")
def test_small_digits(case: Case) -> None:
    given, expected = case.inputs, case.expected
    images, labels = load_digits(return_X_y=True)
    X, y, train, test = images / given["scale"], dr.one_hot(labels), given["n_train"], -given["n_test"]
    for seed, reached, errors in zip(
        given["seeds"], expected["test_accuracy"], expected["error_at_epoch"], strict=True
    ):
        rng = legacy(seed)
        net = drawn(rng, given["structure"])
        history = net.train(
            X[:train],
            y[:train],
            loss="sum_squared_error",
            optimizer=dr.SGD(given["eta"]),
            batches=shuffled(rng, train, given["bt_size"], given["epochs"]),
            epochs=given["epochs"],
            record_steps=True,
            metrics=["accuracy"],
            validation=(X[test:], y[test:]),
        )
        for epoch, error in errors.items():
            case.close(history.step_losses[int(epoch)].mean(), error, f"seed {seed}, epoch {epoch}")
        score = history.validation_metrics["accuracy"][-1]
        case.close(score, reached, f"seed {seed}")
        assert score >= expected["least_accuracy"]


@cases("back.mnist.claim")
def test_size_of_the_digits_network(case: Case) -> None:
    given = case.inputs
    net = dr.Network(given["structure"], activations=["sigmoid", "sigmoid"])
    assert net.theta.size == case.expected["n_parameters"]
    batches = merged(np.arange(given["train"]), given["bt_size"])
    assert (len(batches), len(batches[-1])) == (given["batches_per_epoch"], given["last_batch"])
    silent = network(["identity"], [np.zeros((1, 10))])
    g = silent.gradients([[1.0]], dr.one_hot([3], classes=range(10)), loss="sum_squared_error")
    case.reaches(baseline_error_at_output_0=g.objective)
