"""What the application needs from the outside, as Protocols: one file a subject; `errors.py` has the failures.

No technology may appear here; `infra/` implements the ports and tests/support has stand-ins.
"""
