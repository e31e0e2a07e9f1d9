"""Providers of identities, real ones over HTTP, that know whom a test says: OpenID Connect by authlib, and GitHub."""
