"""Virtual machines on libvirt and QEMU: the domain XML, the connection, live changes and images.

The device model itself is in `domain/vm/`.
"""
