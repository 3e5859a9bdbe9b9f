# What the build itself needs on this machine: command:package, one pair a word.
needs='mcopy:mtools mkfs.vfat:dosfstools mkfs.ext4:e2fsprogs sfdisk:fdisk syslinux:syslinux cpio:cpio depmod:kmod xz:xz-utils zstd:zstd dpkg-deb:dpkg apt-get:apt flock:util-linux'
export PATH=$PATH:/usr/sbin:/sbin

missing_needs() {
    local pair
    for pair in $needs; do
        command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
    done
}

check_needs() {
    local missing
    missing=$(missing_needs | sort -u | tr '\n' ' ')
    [ -z "$missing" ] || fail "Debian packages are missing: $missing; run guests/build --install-needs"
}

install_needs() {
    local missing
    missing=$(missing_needs | sort -u | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    say "Installing $missing"
    [ "$(id -u)" = 0 ] || fail "Debian packages are missing: $missing; install them, or run this as root"
    # shellcheck disable=SC2086
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } >/dev/null || fail "the packages could not be installed"
}
