"""The laws of the mathematics, generated from the registries: a new record is covered without a new test."""
