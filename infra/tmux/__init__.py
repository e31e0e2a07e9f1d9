"""Terminals on tmux: its control protocol, clients of its servers, screens for viewers, and sessions told to the log.

A tmux inside a container is reached by `infra/docker/`, one of local machines by `infra/local/`; here are the protocols
that both fill. Rules of who may see or type belong in `domain/` and `application/`, messages to clients in
`interfaces/`.
"""
