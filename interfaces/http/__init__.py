"""What all contracts share over HTTP: identity, cookies, errors, middleware, event streams and the published schema.

Nothing of a single contract may live here, and nothing here may import a contract.
"""
