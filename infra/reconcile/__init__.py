"""Slow comparisons of what runs with what the log says: the sweep, and sessions that nobody uses.

What they find becomes events through `application/`.
"""
