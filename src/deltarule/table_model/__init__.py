"""TableModel: a network together with the fitted transform of its table and of its target.

model.py        TableModel and TableTraining: train, predict, evaluate, save, load
preparation.py  what a table and the wishes of the caller become: rows, arrays, loss, optimizer
scores.py       metrics on held-out rows beside those of a baseline
fitted.py       what belongs to a model beside its network, as JSON and back
"""

from __future__ import annotations

from deltarule.table_model.model import TableModel, TableTraining
from deltarule.table_model.scores import Scores

__all__ = ["Scores", "TableModel", "TableTraining"]
