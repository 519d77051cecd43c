"""The command line: one file per verb.

main.py        the entry, which guards the import of all the rest
program.py     the program: its verbs, --version
train.py       from a table to a model file
predict.py     from a model file and a table to predictions
evaluate.py    a model judged on a table whose target is known
inspect.py     what is in a model file
compare.py     a table over settings of train, several runs at once, to be resumed
comparison_table.py  what compare shows
several.py     options of one verb for another one that takes several values of them
step.py        the working of each step of training, printed or with keys
step_screen.py the screen that step draws where there are keys
datasets.py    the data sets: a list, a description, a CSV file
options.py     the options that verbs share, and the run that they describe
config.py      options from a TOML file
parameters.py  what a word on the command line may be: names, widths, fractions
display.py     how it speaks: sentences, notes, errors, the progress bar
json_lines.py  what programs read: JSON, one object per line
summary.py     what `train` tells of its model: columns, rows, network, scores
ending.py      why training ended, and what to try
help_pages.py  what --help and --help-all look like
failures.py    how it fails: one sentence on stderr, exit code 1, 2 or 130
"""
