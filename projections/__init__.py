"""Read models, each a pure fold of events into rows with its queries, and the pushes that tell live readers of events.

Nothing here decides or stores an event, and nothing knows a contract: those are in `application/` and `interfaces/`.
"""
