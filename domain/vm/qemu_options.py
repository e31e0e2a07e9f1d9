"""The options of QEMU's command line that a custom_cmd may have, with the keys of each. Everything else is refused.

No option or key here names a file, a socket or a device of this host, or changes what Tenure itself sets. Source: the
QEMU manual, "Invocation", and the properties of each device (`qemu-system-x86_64 -device NAME,help`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.errors import Invalid

WORD = r"[A-Za-z0-9_.:+-]{1,64}"
TEXT = r"[^\n]{0,256}"
ON_OFF = "on|off|yes|no|true|false"
SWITCHES = ("usb", "no-hpet", "no-fd-bootchk", "win2k-hack")  # options without a value
VALUES = {  # options with one value, and its pattern
    "k": "[a-z]{2}(-[a-z]{2})?",
    "watchdog-action": "reset|shutdown|poweroff|inject-nmi|none",
}
KEYS: dict[str, dict[str, str]] = {  # options with keys only: the pattern of each key's value
    "rtc": {"base": r"utc|localtime|[0-9-]{10}(T[0-9:]{8})?", "clock": "host|rt|vm", "driftfix": "none|slew"},
    "boot": {
        "order": "[a-dn-p]{1,8}",
        "once": "[a-dn-p]{1,8}",
        "menu": ON_OFF,
        "strict": ON_OFF,
        "splash-time": "[0-9]{1,6}",
        "reboot-timeout": "-1|[0-9]{1,6}",
    },
    "smbios": {"type": "0|1|2|3|4|8|11|17|41"}
    | dict.fromkeys(("vendor", "version", "date", "release", "manufacturer", "product", "serial", "sku"), TEXT)
    | dict.fromkeys(("family", "asset", "location", "part", "bank", "value", "loc_pfx", "sock_pfx"), TEXT)
    | {"uuid": WORD, "uefi": ON_OFF, "speed": "[0-9]{1,6}", "max-speed": "[0-9]{1,6}", "current-speed": "[0-9]{1,6}"},
    "fw_cfg": {"name": r"opt/[A-Za-z0-9_./-]{1,51}", "string": TEXT},
    "msg": {"timestamp": ON_OFF, "guest-name": ON_OFF},
}
PCI = dict.fromkeys(("id", "bus", "addr"), WORD) | dict.fromkeys(("multifunction", "ats", "packed"), ON_OFF)
VIRTIO = PCI | dict.fromkeys(("disable-legacy", "disable-modern", "iommu_platform"), rf"{ON_OFF}|auto")
USB = dict.fromkeys(("id", "bus", "port"), WORD)
BRIDGE = PCI | dict.fromkeys(("port", "chassis", "slot", "chassis_nr"), "[0-9]{1,3}|0x[0-9a-f]{1,2}")
DEVICES: dict[str, dict[str, str]] = {  # drivers of -device
    "virtio-rng-pci": VIRTIO | {"rng": WORD, "max-bytes": "[0-9]{1,9}", "period": "[0-9]{1,9}"},
    "virtio-balloon-pci": VIRTIO | dict.fromkeys(("deflate-on-oom", "free-page-reporting"), ON_OFF),
    **dict.fromkeys(("virtio-keyboard-pci", "virtio-mouse-pci", "virtio-tablet-pci"), VIRTIO),
    **dict.fromkeys(("qemu-xhci", "nec-usb-xhci", "usb-ehci", "piix3-usb-uhci", "ich9-usb-ehci1"), PCI),
    **dict.fromkeys(("usb-tablet", "usb-mouse", "usb-kbd", "usb-hub"), USB),
    **dict.fromkeys(("pcie-root-port", "pci-bridge", "pcie-pci-bridge"), BRIDGE),
    **dict.fromkeys(("i6300esb", "pvpanic-pci"), PCI),
    **dict.fromkeys(("ib700", "pvpanic"), {"id": WORD}),
    "vmgenid": {"id": WORD, "guid": WORD},
}
OBJECTS: dict[str, dict[str, str]] = {  # types of -object
    "rng-builtin": {"id": WORD},
    "iothread": {"id": WORD},
    "memory-backend-ram": {"id": WORD, "size": "[0-9]{1,6}[MG]", "share": ON_OFF},
}
TYPED = {"device": DEVICES, "object": OBJECTS}  # options whose first word is a type, on which the keys depend
GLOBALS = (  # properties of -global
    *("kvm-pit.lost_tick_policy", "ICH9-LPC.disable_s3", "ICH9-LPC.disable_s4"),
    *("PIIX4_PM.disable_s3", "PIIX4_PM.disable_s4"),
)
OPTIONS = tuple(sorted(("m", "global", *SWITCHES, *VALUES, *KEYS, *TYPED)))


def takes_value(option: str) -> bool:
    """Whether the word after this option is its value."""
    return option not in SWITCHES


def validate_option(option: str, value: str) -> None:
    """Return if QEMU may have this option with this value. Raises `Invalid` with a predicate: "must not have …"."""
    if option in VALUES:
        require_value(f"-{option}", value, VALUES[option])
    elif option in KEYS:
        validate_keys(f"-{option}", split_value(value), KEYS[option])
    elif option in TYPED:
        type, *pairs = split_value(value)
        if type not in TYPED[option]:
            raise Invalid(f"must not have -{option} {type[:50]}: allowed are {', '.join(TYPED[option])}")
        validate_keys(f"-{option} {type}", pairs, TYPED[option][type])
    elif option == "global":
        name, _, text = value.partition("=")
        if name not in GLOBALS:
            raise Invalid(f"must not have -global {name[:50]}: allowed are {', '.join(GLOBALS)}")
        require_value(f"-global {name}", text, WORD)


def split_value(value: str) -> list[str]:
    """The parts of an option's value as QEMU splits it: at each comma, while two commas stand for one."""
    parts, rest = [""], value
    while rest:
        text, comma, rest = rest.partition(",")
        parts[-1] += text
        if comma and rest.startswith(","):
            parts[-1], rest = parts[-1] + ",", rest[1:]
        elif comma:
            parts.append("")
    return parts


def validate_keys(option: str, pairs: list[str], patterns: Mapping[str, str]) -> None:
    """Raises `Invalid` for a part that is no KEY=VALUE, or whose key or value is not among the patterns."""
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in patterns:
            raise Invalid(f"must not have {key[:50]!r} in {option}: allowed are {', '.join(patterns)}")
        if not equals:
            raise Invalid(f"must have {key}=VALUE in {option}")
        require_value(f"{option} {key}", value, patterns[key])


def require_value(name: str, value: str, pattern: str) -> None:
    if not re.fullmatch(pattern, value):
        raise Invalid(f"has {value[:50]!r} as {name}, which is not a value that is allowed there")
