"""The deployed package on one machine."""
