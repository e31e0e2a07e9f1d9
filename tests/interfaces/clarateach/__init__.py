"""Tests of interfaces/clarateach."""
