"""Tests of interfaces/chrote."""
