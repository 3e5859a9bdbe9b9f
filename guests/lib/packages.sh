# Which packages make the guest, and where they lie. After the first run everything comes from the cache.
. /etc/os-release
packages=$cache/packages/$ID-$VERSION_ID
manifest=$packages/$kernel.list

kernel_package() {
    # Debian's cloud kernel decompresses fastest and has few drivers; Ubuntu's nearest is "virtual".
    case $ID-$kernel in
        ubuntu-*) echo linux-image-virtual ;;
        *-cloud) echo linux-image-cloud-amd64 ;;
        *) echo linux-image-amd64 ;;
    esac
}

loader_packages() { echo syslinux-common syslinux systemd-boot-efi; }

# Direct dependencies of the packages given: first alternative only, virtual ones left out.
dependencies() {
    apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances --no-pre-depends "$@" |
        sed -n 's/^  Depends: \([^<]*\)$/\1/p' | sort -u
}

# The agent and iperf3 with the libraries below them. Packages that are not libraries belong to a full system (init helpers,
# debconf) and stay out.
library_closure() {
    local seen='' next="$*" found
    while [ -n "$next" ]; do
        seen="$seen $next"
        # shellcheck disable=SC2086
        found=$(dependencies $next | grep -E '^(lib|zlib)' | grep -Ev '^lib(perl|debconf|pam)' || true)
        next=$(comm -13 <(tr ' ' '\n' <<<"$seen" | sort -u) <(sort -u <<<"$found") | sed '/^$/d' | tr '\n' ' ')
        next=${next% }
    done
    tr ' ' '\n' <<<"$seen" | sed '/^$/d' | sort -u
}

fetch_packages() {
    if [ "$update" = 0 ] && [ -f "$manifest" ] && (cd "$packages" && xargs -r ls <"$manifest" >/dev/null 2>&1); then
        return 0
    fi
    mkdir -p "$packages"
    local meta image names stage
    meta=$(kernel_package)
    if [ "$update" = 1 ] || ! apt-cache show "$meta" >/dev/null 2>&1; then
        say "Asking the package archive for its list"
        apt-get update -q >/dev/null || fail "apt-get update failed; a guest is built from packages of the archive the first time"
    fi
    image=$(dependencies "$meta" | grep '^linux-image-' | head -n 1)
    [ -n "$image" ] || fail "$meta names no kernel package; is the package archive reachable?"
    names="$image $(dependencies "$image" | grep '^linux-modules-' || true) busybox-static $(loader_packages) $(library_closure qemu-guest-agent iperf3)"
    say "Downloading $(wc -w <<<"$names") packages for the guest ($image, busybox, qemu-guest-agent, iperf3)"
    stage=$(mktemp -d "$packages/get.XXXXXX")
    # shellcheck disable=SC2086
    (cd "$stage" && apt-get download -q $names >"$stage/log" 2>&1) || { cat "$stage/log" >&2; rm -rf "$stage"; fail "the packages could not be downloaded"; }
    rm -f "$stage/log"
    (cd "$stage" && ls -- *.deb) >"$stage/list"
    mv "$stage"/*.deb "$packages/"
    mv "$stage/list" "$manifest"
    rmdir "$stage"
}
