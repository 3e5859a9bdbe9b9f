using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Vireo.Platform.Net;

/// <summary>The <c>struct ifreq</c> of netdevice(7): a name of 16 bytes and 24 bytes that depend on the request.</summary>
internal unsafe ref partial struct InterfaceRequest
{
    public const int NameBytes = 16;
    private const int LengthBytes = 40;

    private fixed byte _bytes[LengthBytes];

    /// <exception cref="ArgumentException">Longer than Linux allows, or empty, or with a slash or a blank.</exception>
    public InterfaceRequest(string name)
    {
        if (!IsPossibleName(name))
        {
            throw new ArgumentException($"'{name}' is not a possible name of a network interface.", nameof(name));
        }

        // SAFETY: a possible name has at most 15 bytes, and the struct has 16 for it, zeroed.
        fixed (byte* bytes = _bytes)
        {
            Encoding.ASCII.GetBytes(name, new Span<byte>(bytes, NameBytes));
        }
    }

    /// <summary>dev_valid_name() of the kernel, and ASCII only.</summary>
    public static bool IsPossibleName(string? name) =>
        name is { Length: > 0 and < NameBytes } and not "." and not ".."
        && !name.AsSpan().ContainsAny("/: \t\r\n\v\f") && Ascii.IsValid(name);

    public int Integer
    {
        get => BinaryPrimitives.ReadInt32LittleEndian(Data);
        set => BinaryPrimitives.WriteInt32LittleEndian(Data, value);
    }

    public short Flags
    {
        get => BinaryPrimitives.ReadInt16LittleEndian(Data);
        set => BinaryPrimitives.WriteInt16LittleEndian(Data, value);
    }

    public nint Pointer
    {
        set => BinaryPrimitives.WriteInt64LittleEndian(Data, value);
    }

    /// <summary>The 24 bytes behind the name.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public Span<byte> Data => MemoryMarshal.CreateSpan(ref _bytes[NameBytes], LengthBytes - NameBytes);

    /// <summary>The name that the kernel wrote.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    public string Name => Encoding.ASCII.GetString(MemoryMarshal.CreateSpan(ref _bytes[0], NameBytes)).TrimEnd('\0');

    /// <summary>Calls the kernel; zero, or the negative error number.</summary>
    public int Call(Descriptor descriptor, nuint request)
    {
        // SAFETY: every request used takes at most this structure.
        fixed (byte* bytes = _bytes)
        {
            return Control(descriptor, request, bytes) < 0 ? -Marshal.GetLastPInvokeError() : 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(Descriptor descriptor, nuint request, void* argument);
}
