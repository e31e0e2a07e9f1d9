"""Tests of interfaces/http."""
