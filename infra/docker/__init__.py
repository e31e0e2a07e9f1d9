"""Machines as Docker containers: their files, terminals, displays and SSH access, on one engine a region.

Programs that run inside a container are the `.pl` files here.
"""
