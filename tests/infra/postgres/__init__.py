"""Tests of infra/postgres."""
