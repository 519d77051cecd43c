"""The estimators, beside scikit-learn's own."""
