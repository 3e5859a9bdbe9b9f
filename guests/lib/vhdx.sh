# Plain sectors into a VHDX, through Vireo's own VHDX code.

# The writer that was built last, if no source is newer: by ./vireo, by ./test, or by an earlier run of this.
find_writer() {
    local candidate
    for candidate in "$here/../out" "$here/Vireo.Guests/bin/Release/net10.0" "$here/Vireo.Guests/bin/Debug/net10.0"; do
        candidate=$candidate/vireo-guests.dll
        if [ -f "$candidate" ] && [ -z "$(find "$here/Vireo.Guests" "$here/../src/Vireo.Disks" "$here/../src/Vireo.Platform" \( -name obj -o -name bin \) -prune -o -name '*.cs' -newer "$candidate" -print -quit)" ]; then
            echo "$candidate"
            return 0
        fi
    done
}

make_vhdx() {
    local raw=$1 target=$2 type=$3 writer
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing (dotnet); it is needed for a .vhdx, not for a .raw"
    writer=$(find_writer)
    if [ -z "$writer" ]; then
        exec 9>"$cache/lock"; flock 9
        say "Building the VHDX writer"
        dotnet build "$here/Vireo.Guests/Vireo.Guests.csproj" -c Release -v quiet -nologo >&2 || fail "the VHDX writer could not be built"
        writer=$here/Vireo.Guests/bin/Release/net10.0/vireo-guests.dll
        touch "$writer"
        exec 9>&-
    fi
    dotnet "$writer" "$raw" "$target" "$type" || fail "the VHDX could not be written"
}
