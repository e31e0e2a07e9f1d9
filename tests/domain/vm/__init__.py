"""Tests of domain/vm."""
