namespace Vireo.Vhost.Memory;

/// <summary>A run of guest memory and where it is mapped, as plain numbers for loops over many buffers.</summary>
/// <param name="Start">Guest address of the first byte.</param>
/// <param name="LengthBytes">Length in bytes; zero holds nothing.</param>
/// <param name="Host">Where the first byte is.</param>
internal readonly record struct MappedRange(ulong Start, ulong LengthBytes, nint Host)
{
    /// <summary>Whether all of a buffer, which may be empty, lies in the run.</summary>
    public bool Holds(ulong address, uint lengthBytes)
    {
        var inside = address - Start;
        return inside < LengthBytes && lengthBytes <= LengthBytes - inside;
    }
}
