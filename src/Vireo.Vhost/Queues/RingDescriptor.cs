using System.Runtime.InteropServices;

namespace Vireo.Vhost.Queues;

/// <summary>virtio 1.2 2.7.5 The Virtqueue Descriptor Table: <c>struct virtq_desc</c>, a copy of what the guest wrote.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal readonly struct RingDescriptor
{
    public const int LengthBytes = 16;

    private const ushort NextFlag = 1;
    private const ushort WriteFlag = 2;
    private const ushort IndirectFlag = 4;

    public readonly ulong Address;
    public readonly uint Length;
    public readonly ushort Flags;
    public readonly ushort Next;

    public bool HasNext => (Flags & NextFlag) != 0;

    public bool IsWritable => (Flags & WriteFlag) != 0;

    public bool IsIndirect => (Flags & IndirectFlag) != 0;
}
