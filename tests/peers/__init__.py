"""Comparisons with what others wrote: PyTorch (frozen numbers), scikit-learn, glum, statsmodels."""
