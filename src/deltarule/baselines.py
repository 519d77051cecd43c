"""What comes before the network: least squares in closed form, and descent on a plain function.

Here is the border, where the caller's arrays and functions are checked; the mathematics is in core/linear.py
and core/descent.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from deltarule.core import descent, linear
from deltarule.core.arrays import NON_NEGATIVE, POSITIVE, Array, require_flag, require_integer, require_number
from deltarule.core.descent import Descent
from deltarule.core.linear import Basis
from deltarule.errors import InputError, message
from deltarule.inputs import matrix, require_weights, several, vector

FLOAT64: np.dtype[np.floating] = np.dtype(np.float64)

# -- least squares ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class LinearModel:
    """ŷ = φ(x) W + b, as `least_squares` fits it.

    Arguments:
        weights: W, (p, k).
        bias: b, (k,).
        basis: the functions φ; without, φ(x) = x.

    >>> model = LinearModel(weights=np.array([[2.0]]), bias=np.array([1.0]))
    >>> model.predict([0.0, 3.0])
    array([[1.],
           [7.]])
    """

    weights: Array
    bias: Array
    basis: Basis | None = None

    def predict(self, X: ArrayLike) -> Array:
        """Return ŷ, (n, k), for inputs X, (n, i) or, of one input, (n,).

        Raises:
            InputError: X cannot be used, or has another number of columns than the model was fitted with.
        """
        p = len(self.weights)
        X_ = _table("X", X) if self.basis is not None else matrix("X", X, p, FLOAT64)
        design = _expand(X_, self.basis)
        if design.shape[1] != p:
            asked = f"`X` must have as many columns as in the fit, of which the basis makes {p}"
            found = f"shape {X_.shape}, of which it makes {design.shape[1]}"
            raise InputError(message(asked, found=found))
        return design @ self.weights + self.bias


def least_squares(
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    bias: bool = True,
    basis: Basis | None = None,
) -> LinearModel:
    """Fit a linear model by least squares in closed form: W = (ΦᵀΦ)⁻¹ Φᵀ y, or the shortest such W.

    It is what a network without hidden layer and with squared error converges to.

    Arguments:
        X: inputs, (n, i) or (n,).
        y: targets, (n, k) or (n,).
        sample_weight: weights of the rows, (n,), not negative.
        bias: whether to fit b; without, b is 0.
        basis: functions of X (n, i), each giving (n,) or (n, m); their columns take the place of X.

    Raises:
        InputError: an array, or what a basis function makes of X, has another shape or is not finite, or
            the solution is beyond the numbers of float64.

    >>> model = least_squares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> model.weights.round(6), model.bias.round(6)
    (array([[2.]]), array([1.]))
    """
    X_, y_ = _table("X", X), _table("y", y)
    n = len(X_)
    if len(y_) != n:
        raise InputError(message("X and y must have the same number of rows", found=f"{n} and {len(y_)}"))
    if n == 0:
        raise InputError(message("`X` must have at least one row", found="none"))
    w = None if sample_weight is None else vector("sample_weight", sample_weight, n, FLOAT64)
    require_weights(w)
    functions = None if basis is None else _functions(basis)
    W, b = _solve(_expand(X_, functions), y_, w, require_flag("bias", bias))
    return LinearModel(W, b, functions)


def polynomial(degree: int) -> Basis:
    """Return the basis x, x², …, x to the given degree, of every column: for `least_squares`.

    Arguments:
        degree: at least 1.

    Raises:
        InputError: the degree is no whole number, or less than 1.

    >>> model = least_squares([0.0, 1.0, 2.0], [0.0, 1.0, 4.0], basis=polynomial(2))
    >>> model.predict([3.0]).round(6)
    array([[9.]])
    """
    return linear.powers(require_integer("degree", degree, 1))


def _functions(basis: Basis) -> Basis:
    functions = several("basis", basis)
    if not functions or not all(callable(function) for function in functions):
        hint = "Try dr.polynomial(2)."
        raise InputError(message("`basis` must be a list of functions of X", found=repr(basis), hint=hint))
    return functions


def _expand(X: Array, basis: Basis | None) -> Array:
    """Return the columns that the basis functions make of X, (n, p)."""
    if basis is None:
        return X
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is refused below
        made = [_table(f"basis[{place}](X)", phi(X)) for place, phi in enumerate(basis)]
    for place, columns in enumerate(made):
        if len(columns) != len(X):
            asked = f"`basis[{place}](X)` must have one row per row of X, {len(X)}"
            raise InputError(message(asked, found=f"shape {columns.shape}"))
    return np.column_stack(made)


def _solve(design: Array, y: Array, w: Array | None, bias: bool) -> tuple[Array, Array]:
    hint = "Scale X and y first, for instance with dr.Standardizer."
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            W, b = linear.solve(design, y, w, bias)
    except np.linalg.LinAlgError as error:
        asked = "least squares must have a solution"
        raise InputError(message(asked, found=str(error).rstrip("."), hint=hint)) from error
    if not (np.isfinite(W).all() and np.isfinite(b).all()):
        raise InputError(message("the solution must be finite", found="numbers beyond float64", hint=hint))
    return W, b


def _table(name: str, values: ArrayLike) -> Array:
    """Return finite values as an array (n, m), whatever m is; (n,) becomes (n, 1)."""
    shape = _shape(values)
    if shape is not None and len(shape) not in (1, 2):
        raise InputError(message(f"`{name}` must have shape (n, m) or (n,)", found=f"shape {shape}"))
    return matrix(name, values, shape[1] if shape is not None and len(shape) == 2 else 1, FLOAT64)


def _shape(values: ArrayLike) -> tuple[int, ...] | None:
    """Return the shape; None of ragged lists, which `matrix` and `vector` refuse in their words."""
    try:
        return np.shape(values)
    except ValueError:
        return None


# -- descent ---------------------------------------------------------------------------------------------


def descend(
    f: Callable[[Array], ArrayLike],
    grad: Callable[[Array], ArrayLike],
    start: ArrayLike,
    learning_rate: float = 0.1,
    steps: int = 100,
    tol: float | None = None,
) -> Descent:
    """Walk downhill, x ← x - η ∇f(x), and keep every point on the way.

    Where the rate is so large that the walk leaves the finite numbers, the path ends at the last point that
    is finite and where f is.

    Arguments:
        f: the function, of a point (d,), giving one number.
        grad: its gradient, (d,).
        start: the first point, (d,) or one number.
        learning_rate: η > 0.
        steps: how many steps at most.
        tol: stop when no coordinate of the gradient is larger than this.

    Raises:
        InputError: a setting or the start cannot be used, f is not finite at the start, or f or grad gives
            something else than numbers of the right shape.

    >>> path = descend(lambda x: float(x @ x), lambda x: 2 * x, [10.0, 10.0], learning_rate=0.3, steps=7)
    >>> path.points[:3, 0].round(6).tolist()
    [10.0, 4.0, 1.6]
    """
    rate = require_number("learning_rate", learning_rate, POSITIVE)
    count = require_integer("steps", steps, 0)
    limit = None if tol is None else require_number("tol", tol, NON_NEGATIVE)
    x = _point(start)
    path = descent.walk(_value_of(f), _gradient_of(grad), x, rate, count, limit)
    if not np.isfinite(path.values[0]):
        asked = "`f` must be finite at the start"
        raise InputError(message(asked, found=f"{path.values[0]} at {x.tolist()}"))
    return path


def _point(start: ArrayLike) -> Array:
    asked = "`start` must be one finite number or several, (d,)"
    x = np.atleast_1d(_floats(asked, start))
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise InputError(message(asked, found=str(x.tolist())))
    return x


def _value_of(f: Callable[[Array], ArrayLike]) -> Callable[[Array], float]:
    """Return f with a check: it gives one number, which need not be finite."""
    _require_function("f", f)

    def value(x: Array) -> float:
        found = _floats("`f` must give one number", f(x))
        if found.size != 1:
            raise InputError(message("`f` must give one number", found=f"shape {found.shape}"))
        return found.item()

    return value


def _gradient_of(grad: Callable[[Array], ArrayLike]) -> Callable[[Array], Array]:
    """Return grad with a check: it gives as many numbers as x has, finite or not."""
    _require_function("grad", grad)

    def gradient(x: Array) -> Array:
        asked = f"`grad` must give one number per coordinate, shape {x.shape}"
        found = np.atleast_1d(_floats(asked, grad(x)))
        if found.shape != x.shape:
            raise InputError(message(asked, found=f"shape {found.shape}"))
        return found

    return gradient


def _require_function(name: str, given: object) -> None:
    if not callable(given):
        raise InputError(message(f"`{name}` must be a function of a point (d,)", found=repr(given)))


def _floats(asked: str, values: ArrayLike | None) -> Array:
    """Return values as float64, of any shape; None is what a function without return gives."""
    try:
        array = np.asarray(values)
        if values is None or array.dtype.kind in "cmM":  # NumPy would turn them into other numbers
            raise TypeError("None" if values is None else f"values of dtype {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(message(asked, found=str(error).rstrip("."))) from error
