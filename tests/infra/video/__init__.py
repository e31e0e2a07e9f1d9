"""Tests of infra/video."""
