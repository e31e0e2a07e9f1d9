"""Machines of this host without a container: a directory, processes and tmux terminals.

They are lent on loopback only.
"""
