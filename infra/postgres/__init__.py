"""PostgreSQL: connections and pools, and the embedded server that runs where no other is configured.

No table is defined here; those are in `infra/tables/` and `projections/`.
"""
