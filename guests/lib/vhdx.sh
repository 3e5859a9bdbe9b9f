# Plain sectors into a VHDX, through Vireo's own VHDX code.
make_vhdx() {
    local raw=$1 target=$2 type=$3
    local tool=$here/Vireo.Guests
    [ -d "$tool" ] || fail "this checkout has no VHDX writer yet; ask for a .raw"
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing (dotnet); it is needed for a .vhdx, not for a .raw"
    local program=$here/../out/guests/vireo-guests.dll
    if [ ! -f "$program" ] || [ -n "$(find "$tool" "$here/../src/Vireo.Disks" "$here/../src/Vireo.Platform" -name '*.cs' -newer "$program" -print -quit)" ]; then
        say "Building the VHDX writer"
        dotnet publish "$tool/Vireo.Guests.csproj" -c Release -v quiet -nologo -o "$here/../out/guests" >&2
    fi
    dotnet "$program" "$raw" "$target" "$type"
}
