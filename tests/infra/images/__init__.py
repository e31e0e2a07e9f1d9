"""Tests of infra/images."""
