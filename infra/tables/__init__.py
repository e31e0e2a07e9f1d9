"""Tables beside the log: personal data, credentials (hashed or sealed) and what may be forgotten.

One file a table, with its DDL and its SQL. Read models, which are folded from events, are in `projections/`.
"""
