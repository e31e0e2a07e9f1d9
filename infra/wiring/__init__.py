"""Putting Tenure together from its settings: one builder a subject, and the schema.

Nothing but `infra/process/` may import it.
"""
