"""Periodic jobs that compare what really runs with the log: the sweep of machines, and the end of idle sessions.

They record what differs through `application/`. No rule of the domain stands here.
"""
