# ./vireo quickstart: sets everything up, then does with real commands what a first hour with Vireo would do. Sourced with $root set.

quickstart() {
    local global=() run_folder=${VIREO_ROOT:+$VIREO_ROOT/run} name=quickstart generation=2 begin=$SECONDS
    while [ $# -gt 0 ]; do
        case $1 in
            --root) global=(--root "${2:?--root needs a folder}"); run_folder=$2/run; shift ;;
            --generation) generation=${2:?--generation is 1 or 2}; shift ;;
            --name) name=${2:?--name needs a name}; shift ;;
            -h|--help) echo "Usage: ./vireo quickstart [--generation 1|2] [--name NAME] [--root FOLDER]"; return 0 ;;
            *) fail "quickstart does not know '$1'" ;;
        esac
        shift
    done
    run_folder=${run_folder:-/run/vireo}
    [ "$(id -u)" = 0 ] || fail "quickstart sets up switches and starts guests, so it needs root: sudo ./vireo quickstart"

    heading "1. Setting up"
    check_sdk
    install_packages "$build_needs $run_needs"
    create_accounts
    "$root/guests/build" --install-needs
    build_all
    ready "The programs are in out/."

    heading "2. Starting Vireo"
    run up

    heading "3. A guest's disk"
    local folder disk
    folder=$(field VirtualHardDiskPath Get-VMHost)
    [ -n "$folder" ] || fail "Get-VMHost named no folder for virtual hard disks"
    disk=$folder/$name.vhdx
    if [ -e "$disk" ]; then
        ready "$disk is already there."
    else
        mkdir -p "$folder"
        say "\$ guests/build --generation $generation --output '$disk'"
        "$root/guests/build" --generation "$generation" --output "$disk"
    fi

    heading "4. A virtual machine"
    if quiet_run Get-VM -Name "$name" >/dev/null 2>&1; then
        ready "The virtual machine $name is already there."
    else
        run New-VM -Name "$name" -Generation "$generation" -MemoryStartupBytes 512MB -VHDPath "$disk" -SwitchName "Default Switch"
    fi
    if [ "$(field State Get-VM -Name "$name")" = Running ]; then
        ready "It is running already."
    else
        run Start-VM -Name "$name"
    fi
    run Wait-VM -Name "$name" -For Heartbeat -Timeout 180

    heading "5. A look at it"
    run Get-VM
    run Wait-VM -Name "$name" -For IPAddress -Timeout 60
    run Get-VMNetworkAdapter -VMName "$name"
    local address
    address=$(quiet_run Get-VMNetworkAdapter -VMName "$name" -Json | grep -oE '"[0-9]+(\.[0-9]+){3}"' | head -n 1 | tr -d '"' || true)
    [ -n "$address" ] || fail "the guest reported no IPv4 address"
    say "\$ ping -c 3 $address"
    ping -c 3 -i 0.3 -W 5 "$address" >&2 || fail "the guest at $address does not answer"
    say ''
    say "The last lines of its console:"
    quiet_run console "$name" --lines 20 | sed -e 's/\x1b\[[0-9;=?]*[A-Za-z]//g' -e 's/\r//g' -e '/^ *$/d' | tail -n 6 | sed 's/^/  | /' >&2

    heading "Done in $((SECONDS - begin)) s"
    say "Try: ./vireo console $name      (Ctrl-] leaves)"
    say "     ./vireo Stop-VM $name"
    say "     ./vireo down               (guests keep running)"
}

# The unprivileged user that guests run as, and the group whose members may manage this host.
create_accounts() {
    if ! getent group vireo-admins >/dev/null; then
        say "Creating the group vireo-admins: its members may manage this host"
        groupadd --system vireo-admins || fail "the group vireo-admins could not be created"
    fi
    if ! getent passwd vireo-vm >/dev/null; then
        say "Creating the user vireo-vm: guests run as this user"
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vireo-vm || fail "the user vireo-vm could not be created"
        if getent group kvm >/dev/null; then
            usermod --append --groups kvm vireo-vm || fail "the user vireo-vm could not be added to the group kvm"
        fi
    fi
}

heading() { printf '\n== %s ==\n' "$*" >&2; }
ready() { printf '%s\n' "$*" >&2; }

# run COMMAND...: prints the command as a person would type it, then runs it.
run() {
    local word text=''
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=,@%+-]*) text="$text \"$word\"" ;;
            *) text="$text $word" ;;
        esac
    done
    say "\$ ./vireo${global[*]:+ ${global[*]}}$text"
    "$program" "${global[@]}" "$@" || fail "the command above failed"
}

quiet_run() { "$program" "${global[@]}" "$@"; }

# field NAME COMMAND...: the first value of that name in what the command puts out, or nothing.
field() {
    local name=$1
    shift
    quiet_run "$@" -Json | grep -oE "\"$name\": *\"[^\"]*\"" | head -n 1 | cut -d'"' -f4 || true
}
