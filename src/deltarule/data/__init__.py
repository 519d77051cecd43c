"""Data on its way to a network: tables, scaling, batches, data sets.

tables.py         files and data frames -> Table (plain NumPy columns), and back; alone in knowing either
csv_text.py       its helper: the layout of a CSV text, checked
dialect.py        and another: from bytes to plain text, its header, delimiter and decimal mark
columns.py        Column and Table, the plain NumPy form
transforms.py     TableTransform: the fitted treatments of all columns, frame -> X
treatments.py     what one column becomes for a network: fitted records of plain numbers
understanding.py  the rules that choose the treatment of a column
targets.py        TargetTransform: the fitted target, frame -> y, and predictions -> labels or units
splitting.py      rows for training, rows held out
scaling.py        Standardizer
batches.py        the rows of each step
datasets/         data sets by name: bundled, downloaded once, made here
downloads.py      files from the internet: fetched once, checked, put in place in one move
idx.py            IDX, the file format of MNIST
"""
