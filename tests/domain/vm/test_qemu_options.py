"""Which options of QEMU's command line a custom_cmd may have, and what is said about the others."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.vm.command_line import parse_command_line
from domain.vm.qemu_options import split_value


@pytest.mark.parametrize(
    "line",
    [
        "-m 512 -device virtio-rng-pci",
        "--device virtio-rng-pci,id=rng,max-bytes=1024,period=1000",
        "-object rng-builtin,id=r -device virtio-rng-pci,rng=r",
        "-device qemu-xhci,id=usb -device usb-kbd,bus=usb.0",
        "-rtc base=localtime,driftfix=slew",
        "-rtc base=2030-01-16T10:30:00",
        "-boot order=dc,menu=on",
        "-smbios 'type=1,product=a b,serial=a,,b'",
        "-fw_cfg 'name=opt/com.example/a,string=b c'",
        "-global kvm-pit.lost_tick_policy=discard",
        "-k de -usb -no-hpet -watchdog-action reset -msg timestamp=on",
    ],
)
def test_what_a_machine_may_have_besides_its_devices(line: str) -> None:
    assert parse_command_line(line)


@pytest.mark.fault("F23")
@pytest.mark.parametrize(
    "line",
    [
        "-drive file=/etc/shadow,format=raw",
        "-hda /etc/shadow",
        "-cdrom /etc/shadow",
        "-blockdev driver=file,filename=/etc/shadow,node-name=a",
        "-virtfs local,path=/,mount_tag=a,security_model=none",
        "-fsdev local,path=/,id=a,security_model=none",
        "-audiodev wav,id=a,path=/root/a",
        "-kernel /boot/vmlinuz",
        "-initrd /etc/shadow",
        "-bios /etc/shadow",
        "-L /tmp",
        "-tpmdev passthrough,id=a,path=/dev/tpm0",
        "-set device.a.romfile=/etc/shadow",
        "-readconfig /etc/shadow",
        "-snapshot",
        "-icount 1,rrfile=/root/a",
        "-acpitable file=/etc/shadow",
        "-option-rom /etc/shadow",
        "-spice port=5900",
        "-dev virtio-rng-pci",
        "-device=virtio-rng-pci",
        "-dRIVE file=a",
        "-usb /etc/shadow",
        "-usb ''",
        "-usb -",
        "-usb @a",
    ],
)
def test_no_other_option_is_allowed_and_the_refusal_names_the_option(line: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_command_line(f"-device virtio-rng-pci {line}")
    option = line.split()[-1 if line.startswith("-usb") else 0].strip("'")
    assert str(refusal.value).startswith(f"must not have {option}:"), refusal.value


@pytest.mark.fault("F23")
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-fw_cfg name=opt/a,file=/etc/shadow", "must not have 'file' in -fw_cfg: allowed are name, string"),
        ("-fw_cfg name=opt/a,gen_id=a", "must not have 'gen_id' in -fw_cfg"),
        ("-fw_cfg name=etc/a,string=b", "has 'etc/a' as -fw_cfg name"),
        ("-smbios file=/etc/shadow", "must not have 'file' in -smbios"),
        ("-smbios type=11,path=/etc/shadow", "must not have 'path' in -smbios"),
        ("-boot splash=/etc/shadow", "must not have 'splash' in -boot"),
        ("-device vfio-pci,host=01:00.0", "must not have -device vfio-pci: allowed are virtio-rng-pci"),
        ("-device loader,file=/etc/shadow", "must not have -device loader"),
        ("-device usb-host,hostbus=1", "must not have -device usb-host"),
        ("-device virtio-rng-pci,romfile=/etc/shadow", "must not have 'romfile' in -device virtio-rng-pci"),
        ("-device virtio-rng-pci,driver=loader", "must not have 'driver' in -device virtio-rng-pci"),
        ("-device driver=loader,file=/etc/shadow", "must not have -device driver=loader"),
        ('-device \'{"driver":"loader"}\'', "must not have -device {"),
        ("-device virtio-rng-pci,id=a,,romfile=b", "has 'a,romfile=b' as -device virtio-rng-pci id"),
        ("-device virtio-rng-pci,id=a,,,romfile=b", "has 'a,' as -device virtio-rng-pci id"),
        ("-device virtio-rng-pci,", "must not have '' in -device virtio-rng-pci"),
        ("-device virtio-rng-pci,multifunction", "must have multifunction=VALUE"),
        ("-object memory-backend-file,id=a,mem-path=/etc/shadow", "must not have -object memory-backend-file"),
        ("-object rng-random,id=a,filename=/etc/shadow", "must not have -object rng-random"),
        ("-object secret,id=a,file=/etc/shadow", "must not have -object secret"),
        ("-global virtio-net-pci.romfile=/etc/shadow", "must not have -global virtio-net-pci.romfile"),
        ("-global driver=a,property=romfile,value=b", "must not have -global driver"),
        ("-k ../../etc/shadow", "has '../../etc/shadow' as -k"),
        ("-rtc base=utc -device", "must have a value after -device"),
    ],
)
def test_no_key_reaches_files_or_devices_of_the_host(line: str, says: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_command_line(line)
    assert str(refusal.value).startswith(says), refusal.value


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a", ["a"]),
        ("a,b=c", ["a", "b=c"]),
        ("a,b=c,,d,e=f", ["a", "b=c,d", "e=f"]),
        ("a,b=c,,,d=e", ["a", "b=c,", "d=e"]),
        ("a,,,,b", ["a,,b"]),
        (",", ["", ""]),
        ("", [""]),
    ],
)
def test_two_commas_stand_for_one_in_a_value(value: str, parts: list[str]) -> None:
    assert split_value(value) == parts
