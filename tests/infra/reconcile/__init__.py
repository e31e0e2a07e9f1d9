"""Tests of infra/reconcile."""
