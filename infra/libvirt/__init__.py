"""Virtual machines on libvirt and QEMU: the domain XML, the connection, live changes, images, and reports to the log.

The device model itself belongs in `domain/vm/`, pictures of displays in `infra/video/`, and orders in `application/`.
"""
