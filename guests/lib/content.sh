# What lies on the disk: $work/boot (kernel, initramfs, loaders) and $work/root (the root file system).

# Modules that find and mount the root disk; the initramfs loads just these.
boot_modules='virtio_pci virtio_blk virtio_scsi sd_mod ata_piix ahci crc32c_generic ext4'
# Modules the running guest may ask for, by alias (hot plug) or by name.
root_modules="$boot_modules virtio_net virtio_console virtio_balloon virtio-rng virtio_mem virtio_input evdev button sr_mod cdrom isofs udf vfat nls_cp437
nls_iso8859-1 nls_ascii nls_utf8 e1000 e1000e tulip 8139cp 8139too rtl8139 pcnet32 8021q bonding bridge veth dummy tun vsock vmw_vsock_virtio_transport i6300esb
iTCO_wdt loop nbd floppy nvme uhci_hcd ehci_pci xhci_pci usb_storage usbhid psmouse serio_raw net_failover failover virtiofs fuse overlay tcp_bbr sch_fq sg"

unpack_packages() {
    local deb
    mkdir -p "$work/debs"
    while read -r deb; do
        dpkg-deb -x "$packages/$deb" "$work/debs"
    done <"$manifest"
    # Distributions with and without a merged /usr look alike from here on.
    local top
    for top in bin sbin lib lib64; do
        if [ -d "$work/debs/$top" ] && [ ! -L "$work/debs/$top" ]; then
            mkdir -p "$work/debs/usr/$top"
            cp -a "$work/debs/$top/." "$work/debs/usr/$top/"
            rm -rf "$work/debs/$top"
        fi
        ln -sfn "usr/$top" "$work/debs/$top"
    done
}

# copy_modules TARGET NAME...: the named modules that this kernel has as modules, and what they depend on, decompressed.
copy_modules() {
    local target=$1 name file list
    shift
    list=$work/modules.$$
    for name in "$@"; do
        { modprobe -d "$work/debs" -S "$release" --show-depends --ignore-install "$name" 2>/dev/null || true; }
    done | sed -n 's/^insmod \([^ ]*\).*$/\1/p' | sort -u >"$list"
    while read -r file; do
        local relative=${file#*/lib/modules/}
        mkdir -p "$target/usr/lib/modules/$(dirname "$relative")"
        case $file in
            *.xz) xz -dc "$file" >"$target/usr/lib/modules/${relative%.xz}" ;;
            *.zst) zstd -qdc "$file" >"$target/usr/lib/modules/${relative%.zst}" ;;
            *) cp "$file" "$target/usr/lib/modules/$relative" ;;
        esac
    done <"$list"
    rm -f "$list"
    for name in modules.builtin modules.builtin.modinfo modules.order; do
        [ ! -f "$work/debs/usr/lib/modules/$release/$name" ] || cp "$work/debs/usr/lib/modules/$release/$name" "$target/usr/lib/modules/$release/"
    done
    depmod -b "$target" "$release"
    # busybox reads the text tables only.
    rm -f "$target/usr/lib/modules/$release"/*.bin
}

# copy_program PATH: a program with the shared libraries its own loader finds for it.
copy_program() {
    local program=$1 line
    local libraries=$work/debs/usr/lib/x86_64-linux-gnu
    install -D -m 755 "$work/debs/$program" "$work/root/$program"
    while read -r line; do
        [ -f "$work/root/usr/lib/x86_64-linux-gnu/$(basename "$line")" ] || install -D -m 755 "$line" "$work/root/usr/lib/x86_64-linux-gnu/$(basename "$line")"
    done < <("$libraries/ld-linux-x86-64.so.2" --inhibit-cache --library-path "$libraries" --list "$work/debs/$program" | sed -n 's/^.*=> \(\/[^ ]*\).*$/\1/p')
}

skeleton() {
    local target=$1 top
    mkdir -p "$target"/{dev,proc,sys,run,tmp,mnt} "$target"/usr/{bin,sbin,lib,lib64}
    for top in bin sbin lib lib64; do ln -s "usr/$top" "$target/$top"; done
    install -m 755 "$(find "$work/debs/usr/bin" -name busybox | head -n 1)" "$target/usr/bin/busybox"
}

make_content() {
    say "Building the guest's content"
    unpack_packages
    release=$(basename "$(find "$work/debs/usr/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)")
    depmod -b "$work/debs" "$release"

    # Root file system. The links of busybox are made here, not at boot: a boot costs seconds when a processor is emulated.
    skeleton "$work/root"
    local applet
    "$work/debs/usr/bin/busybox" --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -sf busybox "$work/root/usr/bin/$applet"
    done
    for applet in init modprobe mdev switch_root udhcpc acpid poweroff reboot halt; do ln -sf ../bin/busybox "$work/root/usr/sbin/$applet"; done
    copy_program usr/sbin/qemu-ga
    copy_program usr/bin/iperf3
    ln -sf ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$work/root/usr/lib64/ld-linux-x86-64.so.2"
    install -m 755 "$work/debs/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" "$work/root/usr/lib/x86_64-linux-gnu/"
    # shellcheck disable=SC2086
    copy_modules "$work/root" $root_modules
    cp -a "$here/root/." "$work/root/"
    mkdir -p "$work/root"/{root,home,data} "$work/root"/var/{log,lib} "$work/root/var/empty"
    ln -s ../run "$work/root/var/run"
    ln -s ../proc/self/mounts "$work/root/etc/mtab"
    chmod 700 "$work/root/root"
    chmod 1777 "$work/root/tmp"

    # Initramfs: just enough to find the root disk.
    skeleton "$work/initramfs"
    # shellcheck disable=SC2086
    copy_modules "$work/initramfs" $boot_modules
    rm -f "$work/initramfs/usr/lib/modules/$release"/modules.{alias,symbols,builtin.modinfo,order}
    install -m 755 "$here/initramfs/init" "$work/initramfs/init"
    find "$work/initramfs" "$work/root" -depth -exec touch -h -d @1 {} +

    mkdir -p "$work/boot"
    cp "$(find "$work/debs/boot" -name "vmlinuz-$release" | head -n 1)" "$work/boot/vmlinuz"
    (cd "$work/initramfs" && find . -print0 | sort -z | cpio --quiet --null --create --format=newc --reproducible --owner=0:0) | gzip -n -1 >"$work/boot/initrd"
    cmdline="root=LABEL=vireo-root rw console=tty0 console=ttyS0,115200 loglevel=4 mitigations=off no_timer_check random.trust_cpu=on rcupdate.rcu_expedited=1 panic=10"
    [ "$bounce" = 0 ] || cmdline="$cmdline swiotlb=8192,force"
}
