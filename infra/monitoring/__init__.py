"""The state of this installation: readiness of its parts, and gauges."""
