"""Machines of this host without containers: a directory, processes and a tmux session each, lent on loopback only.

What a container engine does belongs in `infra/docker/`, and following sessions in `infra/tmux/`. Nothing here may run
for clients of other hosts: no wall separates these processes from this host.
"""
