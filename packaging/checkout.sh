# What ./vireo does besides running commands: installs packages, builds. Sourced with $root set.
export PATH=$PATH:/usr/sbin:/sbin
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
out=$root/out
log=$out/build.log

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'vireo: %s\n' "$*" >&2; exit 1; }

# Command or file, and the Debian package that brings it. Names are the same on Debian 12 and 13 and on Ubuntu 24.04.
# The C compiler links the ahead-of-time compiled client; without it the client runs on the shared runtime.
build_needs='gcc:gcc /usr/include/zlib.h:zlib1g-dev /usr/include/stdio.h:libc6-dev'
run_needs='qemu-system-x86_64:qemu-system-x86 /usr/share/OVMF/OVMF_CODE_4M.fd:ovmf /usr/share/seabios/bios-256k.bin:seabios nft:nftables dnsmasq:dnsmasq-base
ip:iproute2 ping:iputils-ping setpriv:util-linux losetup:mount nbdfuse:libnbd-bin swtpm:swtpm'

install_packages() {
    local need thing missing=()
    for need in $1; do
        thing=${need%%:*}
        case $thing in
            /*) [ -e "$thing" ] || missing+=("${need#*:}") ;;
            *) command -v "$thing" >/dev/null || missing+=("${need#*:}") ;;
        esac
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "these are missing: ${missing[*]}; this is no Debian or Ubuntu machine, so install them by its own means"
    [ "$(id -u)" = 0 ] || fail "Debian packages are missing: ${missing[*]}; install them, or run this as root"
    say "Installing Debian packages: ${missing[*]}"
    mkdir -p "$out"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$out/packages.log" 2>&1 ||
        { tail -n 15 "$out/packages.log" >&2; fail "the packages could not be installed; the whole log is $out/packages.log"; }
}

check_sdk() {
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing: on Ubuntu 24.04 apt-get install dotnet-sdk-10.0, elsewhere as https://learn.microsoft.com/dotnet/core/install/linux says"
    dotnet --list-sdks | grep -q '^10\.' || fail "the .NET 10 SDK is needed; this machine has $(dotnet --list-sdks | cut -d' ' -f1 | tr '\n' ' ')"
}

# Whether a source is newer than what was built.
stale() {
    [ -x "$program" ] && [ -f "$out/.built" ] || return 0
    [ -n "$(find "$root/src" "$root/extensions" "$root/templates" "$root/guests/Vireo.Guests" "$root"/Directory.*.props \( -name bin -o -name obj \) -prune -o -type f -newer "$out/.built" -print -quit 2>/dev/null)" ]
}

# publish TARGET [PROPERTY...]: what packaging/publish.proj says, into $next.
publish() {
    local target=$1
    shift
    dotnet msbuild "$root/packaging/publish.proj" -restore -m -nologo -v:quiet -t:"$target" -p:Next="$next/" "$@" >>"$log" 2>&1
}

# build_all [always]: publishes every program into out/. Running planes keep the files they started with: new ones are moved into place.
build_all() {
    if [ "${1-}" != always ] && ! stale; then
        return 0
    fi
    check_sdk
    mkdir -p "$out"
    exec 8>"$out/.lock"
    flock 8
    if [ "${1-}" != always ] && ! stale; then
        return 0
    fi
    local begin=$SECONDS next=$out/next folder file
    rm -rf "$next"
    touch "$out/.begun"
    : >"$log"
    say "Building Vireo; the log is out/build.log"
    publish PublishAll || build_failed
    say "Compiling the client ahead of time"
    if ! publish PublishClient; then
        say "  That did not work (it needs gcc, zlib1g-dev and a NuGet package): the client runs on the shared runtime and starts slower."
        rm -rf "$next/Vireo.Cli"
        publish PublishClient "-p:ClientKind=RollForward=Major" || build_failed
    fi
    rm -f "$next/Vireo.Cli"/*.dbg
    for folder in "$next"/*; do
        find "$folder" -mindepth 1 -maxdepth 1 | while read -r file; do
            [ ! -d "$out/${file##*/}" ] || rm -rf "$out/${file##*/}"
            mv -f "$file" "$out/"
        done
        rmdir "$folder"
    done
    rmdir "$next"
    mkdir -p "$out/modules/Hyper-V/en-US"
    "$program" __maml >"$out/modules/Hyper-V/en-US/Vireo.HyperV.PowerShell.dll-Help.xml"
    mv "$out/.begun" "$out/.built"
    exec 8>&-
    say "Built in $((SECONDS - begin)) s."
}

build_failed() {
    grep -E ' error |: error' "$log" | sort -u | head -n 20 >&2 || tail -n 20 "$log" >&2
    fail "the build failed; the whole log is $log"
}
