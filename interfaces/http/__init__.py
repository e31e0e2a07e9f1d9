"""What all contracts share over HTTP: the application, dependencies, identity, errors, event streams, the schema.

Nothing of a single contract may stand here.
"""
