"""Tests of interfaces/neptuned."""
