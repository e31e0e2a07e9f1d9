"""Terminals: the tmux control protocol, watched servers, screens, and the sessions that are seen on them.

Reaching a tmux inside a container is in `infra/docker/`.
"""
