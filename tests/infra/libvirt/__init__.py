"""Tests of infra/libvirt."""
