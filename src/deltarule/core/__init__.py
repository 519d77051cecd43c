"""The mathematics: pure functions over arrays; no input or output, no printing, no hidden random numbers."""
