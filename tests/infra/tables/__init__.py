"""Tests of infra/tables."""
