"""Tests of application/processes."""
