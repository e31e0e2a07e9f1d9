"""The event store, and what follows it: the follower, the worker of the due-list, notifications and the push adapters.

Nothing here knows any particular aggregate.
"""
