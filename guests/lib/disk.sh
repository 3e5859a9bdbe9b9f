# Puts the content on a disk: $work/disk.raw. Only plain files are written: no loop device, no mount, no privilege.
export SOURCE_DATE_EPOCH=1 E2FSPROGS_FAKE_TIME=1 MTOOLS_SKIP_CHECK=1
boot_start_bytes=$((1 << 20))
boot_bytes=$((48 << 20))
root_start_bytes=$((boot_start_bytes + boot_bytes))

make_boot_partition() {
    rm -f "$work/boot.part"
    truncate -s "$boot_bytes" "$work/boot.part"
    mkfs.vfat -F 32 -s 1 -S 512 -h $((boot_start_bytes / 512)) -n VIREOBOOT -i 56495245 --invariant "$work/boot.part" >/dev/null
    mcopy -i "$work/boot.part" "$work/boot/vmlinuz" ::/vmlinuz
    mcopy -i "$work/boot.part" "$work/boot/initrd" ::/initrd
}

make_generation_1() {
    # SYSLINUX: its boot sector is reached from the master boot record, reads the FAT partition, loads the kernel through the BIOS.
    printf 'DEFAULT vireo\nPROMPT 0\nTIMEOUT 0\nLABEL vireo\n LINUX /vmlinuz\n INITRD /initrd\n APPEND %s\n' "$cmdline" >"$work/syslinux.cfg"
    mcopy -i "$work/boot.part" "$work/syslinux.cfg" ::/syslinux.cfg
    syslinux --install "$work/boot.part"
    sfdisk --quiet "$work/disk.raw" <<TABLE
label: dos
label-id: 0x76697265
unit: sectors
start=$((boot_start_bytes / 512)), size=$((boot_bytes / 512)), type=c, bootable
start=$((root_start_bytes / 512)), size=$((root_bytes / 512)), type=83
TABLE
    dd if="$(find "$work/debs/usr/lib/syslinux" -name mbr.bin | head -n 1)" of="$work/disk.raw" bs=440 count=1 conv=notrunc status=none
}

make_generation_2() {
    # systemd-boot in the place where firmware looks on a disk it does not know.
    printf 'default vireo.conf\ntimeout 0\neditor no\n' >"$work/loader.conf"
    printf 'title Vireo guest\nlinux /vmlinuz\ninitrd /initrd\noptions %s\n' "$cmdline" >"$work/vireo.conf"
    mmd -i "$work/boot.part" ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries
    mcopy -i "$work/boot.part" "$(find "$work/debs/usr/lib/systemd/boot/efi" -name 'systemd-bootx64.efi' | head -n 1)" ::/EFI/BOOT/BOOTX64.EFI
    mcopy -i "$work/boot.part" "$work/loader.conf" ::/loader/loader.conf
    mcopy -i "$work/boot.part" "$work/vireo.conf" ::/loader/entries/vireo.conf
    sfdisk --quiet "$work/disk.raw" <<TABLE
label: gpt
label-id: 76697265-6f00-4000-8000-000000000002
unit: sectors
start=$((boot_start_bytes / 512)), size=$((boot_bytes / 512)), type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=76697265-6f00-4000-8000-00000000000e, name=EFI
start=$((root_start_bytes / 512)), size=$((root_bytes / 512)), type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=76697265-6f00-4000-8000-00000000000f, name=root
TABLE
}

make_disk() {
    say "Putting it on a generation $generation disk of $((size_bytes >> 20)) MB"
    # The last MB stays free for the second copy of a GUID partition table.
    root_bytes=$((size_bytes - root_start_bytes - (1 << 20)))
    truncate -s "$size_bytes" "$work/disk.raw"
    make_boot_partition
    "make_generation_$generation"
    rm -f "$work/root.part"
    truncate -s "$root_bytes" "$work/root.part"
    # Everything is initialised now: a guest that finishes formatting in the background would disturb what a test measures.
    mkfs.ext4 -q -F -L vireo-root -U 76697265-6f00-4000-8000-000000000001 -m 0 -N 16384 -J size=8 -d "$work/root" \
        -E root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard,hash_seed=76697265-6f00-4000-8000-000000000003 "$work/root.part"
    dd if="$work/boot.part" of="$work/disk.raw" bs=1M seek=$((boot_start_bytes >> 20)) conv=notrunc,sparse status=none
    dd if="$work/root.part" of="$work/disk.raw" bs=1M seek=$((root_start_bytes >> 20)) conv=notrunc,sparse status=none
    fallocate --dig-holes "$work/disk.raw"
}
