"""How this installation is: readiness of its parts, and gauges."""
