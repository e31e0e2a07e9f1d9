"""Tests of infra/eventlog."""
