"""The device model of a virtual machine: its document, devices, values and QEMU command line, as pure functions.

The aggregate `VmConfig` stands here, too; carrying its orders out is the work of `application/` and `infra/libvirt/`.
"""
