"""MLPClassifier and MLPRegressor: scikit-learn's names, parameters and numbers, and more.

Where scikit-learn differs from deltarule (names, initial draws, orders, stopping), the difference is here.
"""
