"""What `make bench` measures: one module a bench, with `run`, and what they share.

Each figure is measured beside its bound in the same run. Nothing of the product may import from here.
"""
