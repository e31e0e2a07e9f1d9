"""Tests of infra/process."""
