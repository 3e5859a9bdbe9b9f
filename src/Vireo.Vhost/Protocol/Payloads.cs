using System.Runtime.InteropServices;

namespace Vireo.Vhost.Protocol;

/// <summary>"A vring state description": a queue and a number.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct VringState(uint Index, uint Number);

/// <summary>"A vring address description": user addresses of the parts of a queue; <paramref name="LogAddress"/> is a guest address.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct VringAddress(uint Index, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong LogAddress)
{
    /// <summary>VHOST_VRING_F_LOG: writes to the used ring are logged at <see cref="LogAddress"/>.</summary>
    public bool LogsUsedRing => (Flags & 1) != 0;
}

/// <summary>A memory region: where the guest and the front end see it, and where it lies in its file. Bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct MemoryRegionDescription(ulong GuestAddress, ulong LengthBytes, ulong UserAddress, ulong FileOffset);

/// <summary>"Log description". Bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct LogDescription(ulong LengthBytes, ulong FileOffset);

/// <summary>"Inflight description". The sizes are in bytes. QEMU's structure is not packed, so on the wire it takes 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = 24)]
public readonly record struct InflightDescription(ulong LengthBytes, ulong FileOffset, ushort QueueCount, ushort QueueSize);

/// <summary>Head of "Virtio device config space"; the content follows.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public readonly record struct ConfigHeader(uint OffsetBytes, uint LengthBytes, uint Flags)
{
    /// <summary>The write is part of a migration, and may touch what the driver may not.</summary>
    public bool IsMigration => (Flags & 1) != 0;
}
