"""Tests of infra/docker."""
