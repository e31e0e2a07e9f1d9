"""Tests of infra/auth."""
