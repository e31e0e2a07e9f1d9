"""The state of this installation: readiness of its parts, and gauges.

It only looks. What repairs a difference between the log and the world is in `infra/reconcile/`.
"""
