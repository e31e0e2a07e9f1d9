"""The event store and what reads it: the follower, the worker of the due-list, notifications and the push adapters.

Nothing here names an aggregate or a contract: read models are in `projections/`, the worker's commands in
`application/`.
"""
