#!/usr/bin/env bash
# Builds a virtual machine's disk that boots in seconds: Debian's cloud kernel, and busybox with a shell on the screen.
#
#   infra/images/guest.sh [--force] [FILE]      FILE: else ~/.cache/tenure/guest.img
#
# The cloud kernel has drivers for a VGA console and a PS/2 keyboard built in. The BIOS loads kernel and initramfs, so
# the disk boots on every bus that the BIOS knows. Needs apt-get, isolinux, xorriso and cpio.
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

parse_options "${XDG_CACHE_HOME:-$HOME/.cache}/tenure/guest.img" "$@"
source=$(cat -- "$IMAGES/guest.sh" "$IMAGES"/guest/* | sha256sum | cut -c 1-16)
if [ -z "$force" ] && [ -s "$target" ] && [ "$(cat -- "$target.source" 2>/dev/null)" = "$source" ]; then
    say "$target is there already"
    exit
fi

say "fetching the kernel and busybox"
cd -- "$scratch"
kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" && /cloud/ { print $2; exit }')
quietly apt-get -qq -o APT::Sandbox::User=root download "${kernel:?apt knows no linux-image-cloud-amd64}" busybox-static
for package in *.deb; do dpkg-deb -x "$package" packages; done

say "making $target"
mkdir -p root/{bin,dev,proc,sys,etc,tmp} disk
cp packages/bin/busybox root/bin/ 2>/dev/null || cp packages/usr/bin/busybox root/bin/  # from Debian 13 on
cp "$IMAGES/guest/init" root/init
cp "$IMAGES/guest/profile" root/etc/profile
chmod +x root/init
(cd root && find . -print0 | cpio --quiet --null --create --format=newc --owner=0:0) | gzip -1 >disk/initrd
cp packages/boot/vmlinuz-* disk/kernel
cp "$IMAGES/guest/isolinux.cfg" /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 disk/
quietly xorriso -as mkisofs -o guest.img -V GUEST -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
    -boot-info-table -isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin disk
mkdir -p -- "$(dirname -- "$target")"
mv guest.img "$target"
echo "$source" >"$target.source"
say "$target: $(($(stat -c %s -- "$target") / 1048576)) MiB"
