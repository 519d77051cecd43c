"""compare: every combination of some settings, trained on the same rows of a table, best first.

comparing.py the public function: plan, run, rank
planning.py  which runs there are, and by what a run is known
running.py   one run, here or in processes of their own, several at a time
results.py   what a run has given, and the file that keeps it
ranking.py   the runs of one combination as one line, and which line is the best
"""

from __future__ import annotations

from deltarule.comparison.comparing import compare
from deltarule.comparison.ranking import Compared

__all__ = ["Compared", "compare"]
