"""Tests of infra/wiring."""
