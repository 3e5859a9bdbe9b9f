using System.Text;

namespace Vireo.Disks.Vhdx;

/// <summary>The first structure of the file: a signature and the name of the program that made it. [MS-VHDX] 2.2.1 File Type Identifier.</summary>
public static class VhdxFileIdentifier
{
    /// <summary>Length in the file.</summary>
    public const int LengthBytes = 520;

    private const int CreatorOffset = 8;

    /// <summary>"vhdxfile" in ASCII.</summary>
    public static ReadOnlySpan<byte> Signature => "vhdxfile"u8;

    /// <summary>Writes the structure; <paramref name="creator"/> is informative and at most 255 characters.</summary>
    public static void Write(Span<byte> target, string creator)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(creator.Length, 255, nameof(creator));
        target[..LengthBytes].Clear();
        Signature.CopyTo(target);
        Encoding.Unicode.GetBytes(creator, target[CreatorOffset..LengthBytes]);
    }
}
