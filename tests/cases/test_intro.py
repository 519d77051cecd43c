"""The introductory notebook: one sigmoid unit, basis functions, the two-layer tanh network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

import deltarule as dr
from deltarule.core.activations import ACTIVATIONS, Activation
from tests.cases.support import CASES, TOTAL, Case, after_epochs, cases, close, column, legacy, network

Floats = NDArray[np.float64]

# -- activations and their derivatives -------------------------------------------------------------------

POLYNOMIAL = dr.Activation(
    "3 + 2z + z² + 3z⁵",
    value=lambda z: 3.0 + 2.0 * z + z**2 + 3.0 * z**5,
    slope=lambda z, a: 2.0 + 2.0 * z + 15.0 * z**4,
    formula=r"3 + 2 z + z^2 + 3 z^5",
    slope_formula=r"2 + 2 z + 15 z^4",
)


def through_one_unit(activation: str | Activation, z: ArrayLike) -> tuple[Floats, Floats]:
    """Return a = φ(z) and φ′(z) of a unit with weight 1 and no bias."""
    net = network([activation], [[[1.0]]])
    X = column(z)
    g = net.gradients(X, np.zeros(len(X)), loss=TOTAL)
    return net.predict(X)[:, 0], g.delta[0][:, 0]


@cases("intro.sigmoid.derivative")
def test_sigmoid(case: Case) -> None:
    f, df = through_one_unit("sigmoid", case.inputs["s"])
    case.reaches(f=f, df=df, max_df=df.max(), argmax=case.inputs["s"][df.argmax()])
    case.close(df, f * (1.0 - f))


@cases("intro.tanh.derivative")
def test_tanh(case: Case) -> None:
    h, dh = through_one_unit("tanh", case.inputs["a"])
    case.reaches(h=h, dh=dh, max_dh=dh.max())


@cases("intro.poly_activation")
def test_polynomial_unit(case: Case) -> None:
    """Its slope has no bound, which is what makes it a poor unit."""
    h, dh = through_one_unit(POLYNOMIAL, case.inputs["x"])
    case.reaches(h=h, dh=dh)
    net = network([POLYNOMIAL, "identity"], [[[0.5, -0.3]], [[0.1], [0.2]]], [[0.1, 0.2], [0.3]])
    X, y = [[-1.0], [0.5], [1.5]], [0.0, 1.0, 0.5]
    assert dr.check_gradients(net, X, y).ok
    history = net.train(X, y, optimizer=dr.SGD(0.01), batch_size=None, epochs=100)
    assert history.loss[-1] < history.loss[0]


@cases("intro.sympy")
def test_sigmoid_is_the_integral_of_its_slope(case: Case) -> None:
    sigmoid = ACTIVATIONS["sigmoid"]

    def slope(s: float) -> float:
        z = np.array([[s]])
        return float(sigmoid.derivative(z, sigmoid.value(z), np.ones_like(z))[0, 0])

    for end in (-3.0, 0.5, 4.0):
        area, _ = quad(slope, 0.0, end, epsabs=1e-13)
        rise = sigmoid.value(np.array([end])) - sigmoid.value(np.array([0.0]))
        case.reaches(derivative_identity=area - rise[0])


@cases("intro.scalar.one_output")
def test_one_hidden_unit_by_hand(case: Case) -> None:
    given = case.inputs
    net = network(["tanh", "identity"], [[[given["v"]]], [[given["w"]]]])
    hidden, output = net.forward([[given["x"]]])
    g = net.gradients([[given["x"]]], [given["t"]], loss="sum_squared_error")
    case.reaches(z=hidden.a, y=output.a, E=g.objective, dE_dv=g.dW[0], dE_dw=g.dW[1])


def test_two_outputs_by_hand() -> None:
    """dE/dv = -2 [(t1 - y1) w1 + (t2 - y2) w2] (1 - z²) x, letter by letter."""
    x, v, w1, w2, t1, t2 = 0.5, 0.8, -1.2, 0.4, 0.7, -0.1
    z = np.tanh(x * v)
    y1, y2 = z * w1, z * w2
    g = network(["tanh", "identity"], [[[v]], [[w1, w2]]]).gradients(
        [[x]], [[t1, t2]], loss="sum_squared_error"
    )
    dv = -2.0 * ((t1 - y1) * w1 + (t2 - y2) * w2) * (1.0 - z**2) * x
    np.testing.assert_allclose(g.dW[0], [[dv]], rtol=1e-14)
    np.testing.assert_allclose(g.dW[1], [[-2.0 * (t1 - y1) * z, -2.0 * (t2 - y2) * z]], rtol=1e-14)


# -- linear model and one unit ---------------------------------------------------------------------------


@cases("intro.linear.basis_expansion")
def test_fixed_basis_functions_fit_the_parabola(case: Case) -> None:
    X = column(np.linspace(case.inputs["low"], case.inputs["high"], case.inputs["n"]))
    T = 0.01 * X**2
    model = dr.least_squares(X, T, basis=dr.polynomial(2))
    case.reaches(W=np.vstack([model.bias, model.weights]), E=np.sum((T - model.predict(X)) ** 2))


def test_own_basis_functions() -> None:
    """The notebook's example columns, x⁵ and x³ x²; the closed form is (Φᵀ Φ)⁻¹ Φᵀ T."""
    X = legacy(0).uniform(-1.0, 1.0, (12, 2))
    T = np.column_stack([X[:, 0] ** 5, 2.0 - X[:, 0] ** 3 * X[:, 1] ** 2])
    model = dr.least_squares(X, T, basis=[lambda X: X[:, 0] ** 5, lambda X: X[:, 0] ** 3 * X[:, 1] ** 2])
    phi = np.column_stack([np.ones(12), X[:, 0] ** 5, X[:, 0] ** 3 * X[:, 1] ** 2])
    W = np.linalg.solve(phi.T @ phi, phi.T @ T)
    np.testing.assert_allclose(np.vstack([model.bias, model.weights]), W, rtol=0, atol=1e-10)


@cases("intro.sgd_unit.*")
def test_one_sigmoid_unit(case: Case) -> None:
    """One update per sample, in order, w ← w + ρ x (t - y) y (1 - y): descent on half the squared error."""
    given, expected = case.inputs, case.expected
    X, T = given["X"], given["T"]
    net = network(["sigmoid"], [given["w"][1:]], [given["w"][0]])

    def sse() -> float:
        return net.gradients(X, T, loss="sum_squared_error", reduction="sum").objective

    case.reaches(sse_initial=sse())
    run = net.training(
        X,
        T,
        loss="half_squared_error",
        optimizer=dr.SGD(given["rho"]),
        batch_size=1,
        shuffle=False,
        epochs=given["epochs"],
        metrics=["rmse"],
    )
    seen = after_epochs(run, expected["w_after"], lambda: (with_bias_row(net, 0), sse()))
    for epoch, w in expected["w_after"].items():
        case.close(seen[int(epoch)][0], w, epoch)
    case.reaches(w=with_bias_row(net, 0), sse_epoch1=seen[1][1], sse_final=sse())
    case.reaches(rmse_final=run.history.metrics["rmse"][-1])


# -- the two-layer network -------------------------------------------------------------------------------


def tanh_network(V: ArrayLike, W: ArrayLike) -> dr.Network:
    """The notebook keeps the biases in the first row of V and W."""
    V, W = np.asarray(V), np.asarray(W)
    return network(["tanh", "identity"], [V[1:], W[1:]], [V[0], W[0]])


def with_bias_row(net: dr.Network, layer: int) -> Floats:
    return np.vstack([net.biases[layer], net.weights[layer]])


def both(net: dr.Network) -> tuple[Floats, Floats]:
    return with_bias_row(net, 0), with_bias_row(net, 1)


@cases("intro.standardise")
def test_standardize_with_training_statistics(case: Case) -> None:
    scaler = dr.Standardizer.fit(case.inputs["X_train"])
    case.reaches(mean=scaler.mean, std=scaler.std)
    case.reaches(
        X_trainS=scaler.transform(case.inputs["X_train"]), X_testS=scaler.transform(case.inputs["X_test"])
    )
    case.close(scaler.inverse(case.expected["X_testS"]), case.inputs["X_test"])


def test_matrix_update() -> None:
    """V ← V + ρ_h/(NK) X̃ᵀ[(T - Y) Ŵᵀ ⊙ (1 - Z²)] and W ← W + ρ_o/(NK) Z̃ᵀ (T - Y), in the notebook's letters.

    Mean squared error has the slope 2/(NK); the notebook leaves the 2 to its learning rates.
    """
    rng = legacy(1)
    X, T, V, W = rng.randn(3, 2), rng.randn(3, 2), rng.randn(3, 2), rng.randn(3, 2)
    rho_h, rho_o, NK = 0.1, 0.01, 6
    net = tanh_network(V, W)
    net.train(X, T, optimizer=dr.SGD((rho_h / 2, rho_o / 2)), batch_size=None, epochs=1)
    X1 = np.insert(X, 0, 1.0, axis=1)
    Z = np.tanh(X1 @ V)
    Z1 = np.insert(Z, 0, 1.0, axis=1)
    error = T - Z1 @ W
    V_new = V + rho_h / NK * X1.T @ ((error @ W[1:].T) * (1.0 - Z**2))
    W_new = W + rho_o / NK * Z1.T @ error
    np.testing.assert_allclose(with_bias_row(net, 0), V_new, rtol=0, atol=1e-15)
    np.testing.assert_allclose(with_bias_row(net, 1), W_new, rtol=0, atol=1e-15)


SIN = CASES["intro.sin20.seed0"]


def scaled_sine() -> tuple[Floats, Floats, dr.Standardizer, dr.Standardizer]:
    """The training rows, standardized, and the two scalers."""
    x, t = dr.Standardizer.fit(SIN.inputs["X_train"]), dr.Standardizer.fit(SIN.inputs["T_train"])
    return x.transform(SIN.inputs["X_train"]), t.transform(SIN.inputs["T_train"]), x, t


def notebook_settings(given: Any) -> dict[str, Any]:
    """Full batch, one rate per layer; half the squared error, because the notebook drops the 2."""
    return {
        "loss": "half_squared_error",
        "optimizer": dr.SGD((given["rho_h"], given["rho_o"])),
        "batch_size": None,
    }


@cases("intro.sin20.seed0")
def test_sine_curve_for_2000_epochs(case: Case) -> None:
    """Train error before the update of an epoch, test error after it, both in original units."""
    given, expected = case.inputs, case.expected["rmse_train_test_at_epoch"]
    X, T, x, t = scaled_sine()
    net = tanh_network(given["V"], given["W"])
    start = dr.Standardizer.inverse(t, net.predict(X))
    history = net.train(
        X,
        T,
        **notebook_settings(given),
        epochs=2000,
        metrics=["rmse"],
        target_scaler=t,
        validation=(x.transform(given["X_test"]), t.transform(given["T_test"])),
    )
    before = [float(np.sqrt(np.mean((start - given["T_train"]) ** 2))), *history.metrics["rmse"]]
    after = history.validation_metrics["rmse"]
    for epoch in (epoch for epoch in map(int, expected) if epoch < 2000):
        case.close([before[epoch], after[epoch]], expected[str(epoch)], str(epoch))
    case.close(np.sqrt(2.0 * np.array(history.loss)) * t.std, before[:-1])


@cases("intro.sin20.seed0")
def test_sine_curve_for_100000_epochs(case: Case) -> None:
    given, expected = case.inputs, case.expected
    X, T, x, t = scaled_sine()
    net = tanh_network(given["V"], given["W"])

    def look() -> tuple[tuple[Floats, Floats], float]:
        y = t.inverse(net.predict(x.transform(given["X_test"])))
        return both(net), float(np.sqrt(np.mean((y - given["T_test"]) ** 2)))

    run = net.training(X, T, **notebook_settings(given), epochs=given["epochs"])
    rows = expected["rmse_train_test_at_epoch"]
    seen = after_epochs(run, [*(int(epoch) + 1 for epoch in rows), 1000], look)
    train = np.sqrt(2.0 * np.array(run.history.loss)) * t.std
    for epoch, errors in rows.items():
        tolerance = case.tolerance if int(epoch) < 10_000 else case.tolerance_at_end
        close([train[int(epoch)], seen[int(epoch) + 1][1]], errors, tolerance, epoch)
    for epoch in (1, 1000, 100000):
        (V, W), wanted = seen[epoch][0], expected[f"weights_after_{epoch}"]
        tolerance = case.tolerance if epoch < 100000 else case.tolerance_at_end
        close(V, wanted["V"], tolerance, f"V after {epoch}")
        close(W, wanted["W"], tolerance, f"W after {epoch}")


@cases("intro.symmetry.*")
def test_equal_hidden_units_stay_equal(case: Case) -> None:
    given, hidden = case.inputs, case.inputs["n_hidden"]
    X, T, _, _ = scaled_sine()
    net = tanh_network(np.full((2, hidden), given["V_all"]), np.full((hidden + 1, 1), given["W_all"]))
    with pytest.warns(dr.SymmetryWarning, match="equal"):
        history = net.train(X, T, **notebook_settings(given), epochs=given["epochs"], metrics=["rmse"])
    V, W = both(net)
    case.reaches(V=V, W=W, rmse_standardised=history.metrics["rmse"][-1])
    assert bool(np.all(V[:, :1] == V)) is case.expected["all_hidden_columns_identical"]
    assert np.all(W[1:] == W[1])


@cases("intro.symmetry.zero")
def test_zeros_never_move(case: Case) -> None:
    X, T, _, _ = scaled_sine()
    net = dr.Network([1, case.inputs["n_hidden"], 1], activations=["tanh", "identity"], initializer="zeros")
    with pytest.warns(dr.SymmetryWarning):
        net.train(X, T, **notebook_settings(case.inputs), epochs=case.inputs["epochs"])
    assert not np.any(net.weights[0])
    assert not np.any(net.weights[1])


@cases("intro.two_sigmoids.parabola")
def test_two_sigmoid_units_can_fit_the_parabola(case: Case) -> None:
    """Three of five random starts do; two stay where one unit's error is."""
    given = case.inputs
    X = column(np.linspace(given["low"], given["high"], given["n"]))
    x, t = dr.Standardizer.fit(X), dr.Standardizer.fit(0.01 * X**2)
    fits = 0
    for seed, rmse in case.expected["rmse_by_seed"].items():
        rng = legacy(int(seed))
        V, W = (
            rng.uniform(-given["init"], given["init"], (2, 2)),
            rng.uniform(-given["init"], given["init"], (3, 1)),
        )
        net = network(["sigmoid", "identity"], [V[1:], W[1:]], [V[0], W[0]])
        net.train(
            x.transform(X), t.transform(0.01 * X**2), **notebook_settings(given), epochs=given["epochs"]
        )
        error = np.sqrt(np.mean((t.inverse(net.predict(x.transform(X))) - 0.01 * X**2) ** 2))
        case.close(error, rmse, f"seed {seed}")
        fits += error < 0.1 * case.expected["single_unit_rmse"]
    assert fits == 3
