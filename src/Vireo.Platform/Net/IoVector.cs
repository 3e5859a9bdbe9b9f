using System.Runtime.InteropServices;

namespace Vireo.Platform.Net;

/// <summary><c>struct iovec</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly unsafe struct IoVector(void* start, nuint length)
{
    public readonly void* Start = start;
    public readonly nuint Length = length;
}
