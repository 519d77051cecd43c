"""The benchmark: how fast this library and its peers train. docs/benchmarks.md says how it measures."""
