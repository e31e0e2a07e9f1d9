"""Credentials: OAuth and OpenID Connect, JSON Web Tokens, SSH keys, codes, and limits on guessing.

What is kept of them is in `infra/tables/`.
"""
