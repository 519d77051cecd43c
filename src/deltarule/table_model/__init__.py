"""TableModel: a network together with the fitted transform of its table and of its target.

model.py        TableModel: train, predict, evaluate, save, load
running.py      TableTraining: a run in progress
preparation.py  what a table and the wishes of the caller become: rows, arrays, loss
rates.py        the optimizer with its learning rate and its schedule
row_columns.py  the columns of weights, offset and exposure
scores.py       metrics on held-out rows beside those of a baseline
baseline.py     the best prediction that does not look at the inputs
fitted.py       what belongs to a model beside its network, as JSON and back
"""

from __future__ import annotations

from deltarule.table_model.model import TableModel
from deltarule.table_model.running import TableTraining
from deltarule.table_model.scores import Scores

__all__ = ["Scores", "TableModel", "TableTraining"]
