"""Aggregates, their events, and the rules that decide: what is true, as pure functions of the past.

Only the standard library and `eventsourcing.domain` may be imported here: no I/O, no clock, no contract's wire format.
"""
