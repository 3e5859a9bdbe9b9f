using System.Buffers.Binary;
using System.Text;

namespace Vireo.Platform.Sockets;

/// <summary>The <c>sockaddr_un</c> of a path.</summary>
internal static class UnixSocketAddress
{
    public const int LengthBytes = 110;

    /// <summary>The longest path the kernel takes: 108 bytes with the terminating zero.</summary>
    private const int PathBytesMax = 107;
    private const ushort FamilyUnix = 1;

    /// <exception cref="ArgumentException">The path is longer than 107 bytes.</exception>
    public static byte[] Of(string path)
    {
        var length = Encoding.UTF8.GetByteCount(path);
        if (length is 0 or > PathBytesMax)
        {
            throw new ArgumentException($"The socket path '{path}' has {length} bytes; at most {PathBytesMax} are possible.", nameof(path));
        }

        var address = new byte[LengthBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(address, FamilyUnix);
        Encoding.UTF8.GetBytes(path, address.AsSpan(2));
        return address;
    }
}
