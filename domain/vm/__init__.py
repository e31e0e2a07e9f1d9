"""The device model of a virtual machine: its document, devices, values and QEMU command line, as pure functions.

Aggregates stay outside, in `domain/vm_config.py` and its siblings.
"""
