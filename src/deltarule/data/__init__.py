"""Data on its way to a network: tables, scaling, batches, data sets.

tables.py       files and data frames -> Table (plain NumPy columns), and back; the only file that knows either
columns.py      Column and Table, the plain NumPy form
treatments.py   what one column becomes for a network: fitted records of plain numbers
understanding.py  the rules that choose the treatment of a column
transforms.py   TableTransform: the fitted treatments of all columns, frame -> X
targets.py      TargetTransform: the fitted target, frame -> y and predictions back to labels or units
splitting.py    rows for training, rows held out
scaling.py      Standardizer
datasets.py     bundled and generated data sets
"""
