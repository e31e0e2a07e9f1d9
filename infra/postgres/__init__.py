"""Connections and pools to PostgreSQL, and the embedded server that runs where no other is configured.

Tables are not defined here: those beside the log are in `infra/tables/`, read models in `projections/`.
"""
