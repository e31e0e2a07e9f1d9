"""Tests of interfaces/cli."""
