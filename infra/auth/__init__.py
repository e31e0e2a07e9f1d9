"""Credentials: OAuth and OpenID Connect, JSON Web Tokens, SSH keys, random codes, and limits on attempts.

What is stored of them is in `infra/tables/`; who may do what is in `application/access.py`.
"""
