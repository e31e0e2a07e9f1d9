"""Tests of infra/tmux."""
