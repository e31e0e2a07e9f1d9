"""Putting Tenure together from its settings: one builder for each subject, and the schema.

A builder returns what it built, as a small object, with the background tasks of its subject by their names. It takes
the `Foundation` and what other builders returned, and starts nothing. `bootstrap.running` composes them all.

Only `infra/process/` may import this package.
"""
