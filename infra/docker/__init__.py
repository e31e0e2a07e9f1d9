"""Machines as Docker containers, one engine a region: containers, networks, snapshots, files, displays, terminals, SSH.

The `.pl` programs run inside containers. Rules of who may do what belong in `domain/` and `application/`, tmux's
protocol in `infra/tmux/`, and pictures and codecs in `infra/video/`.
"""
