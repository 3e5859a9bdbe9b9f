using Vireo.Disks.Files;
using Vireo.Disks.Raw;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks;

/// <summary>How an image is opened.</summary>
/// <param name="ReadOnly">Nothing is written, not even the replay of a log; others may read at the same time.</param>
/// <param name="Format">Null to go by the file's name, and by its content when the name tells nothing.</param>
/// <param name="TakeLock">False only to look at an image that may be open elsewhere.</param>
public sealed record ImageOpenOptions(bool ReadOnly = false, DiskFormat? Format = null, bool TakeLock = true);

/// <summary>The door to disk images: finds the format, opens, makes, inspects.</summary>
public static class ImageFile
{
    private const int VhdFooterBytes = 512;

    private static ReadOnlySpan<byte> VhdSignature => "conectix"u8;

    /// <summary>Opens an image of any supported format. Hostile files end in an exception, never in a write.</summary>
    /// <exception cref="ImageException">Not there, in use, damaged, or of a kind that is not supported.</exception>
    public static IDiskImage Open(string path, ImageOpenOptions options)
    {
        var file = SystemImageFile.Open(path, options.ReadOnly, options.TakeLock);
        try
        {
            return Open(file, options.Format ?? FormatByName(path));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens the image in <paramref name="file"/>, which the image owns when the call succeeds.</summary>
    /// <exception cref="ImageException">Damaged, or of a kind that is not supported.</exception>
    public static IDiskImage Open(IImageFile file, DiskFormat? format = null) => (format ?? Sniff(file)) switch
    {
        DiskFormat.Vhdx => VhdxImage.Open(file, Guid.NewGuid),
        DiskFormat.Raw => new RawImage(file),
        _ => throw new ImageException(ImageErrorKind.Unsupported, file.Path, $"The image '{file.Path}' is a VHD (version 1) file; VHD is not supported yet, convert it to VHDX."),
    };

    /// <summary>
    /// The format that a file's name promises; null when it promises none. A name is the administrator's, content may be a guest's: a
    /// disk that is named raw stays raw whatever is written into it, and one that is named VHDX is damaged when it is none.
    /// </summary>
    public static DiskFormat? FormatByName(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".VHDX" or ".AVHDX" => DiskFormat.Vhdx,
        ".VHD" or ".AVHD" => DiskFormat.Vhd,
        ".ISO" or ".RAW" or ".IMG" => DiskFormat.Raw,
        _ => null,
    };

    /// <summary>Finds the format by content. What is neither VHDX nor VHD is raw.</summary>
    /// <exception cref="ImageException">The file cannot be read.</exception>
    public static DiskFormat Sniff(IImageFile file)
    {
        Span<byte> start = stackalloc byte[VhdxFileIdentifier.Signature.Length];
        Span<byte> end = stackalloc byte[VhdSignature.Length];
        var status = file.Read(0, start);
        if (status == BlockStatus.Ok && file.LengthBytes >= VhdFooterBytes)
        {
            // A fixed VHD has its only signature in the footer.
            status = file.Read(file.LengthBytes - VhdFooterBytes, end);
        }

        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read", status);
        }

        return start.SequenceEqual(VhdxFileIdentifier.Signature) ? DiskFormat.Vhdx
            : start.SequenceEqual(VhdSignature) || end.SequenceEqual(VhdSignature) ? DiskFormat.Vhd
            : DiskFormat.Raw;
    }

    /// <summary>What an image says of itself, and whether a program has it open. Works on an image that is in use.</summary>
    /// <exception cref="ImageException">Not there, damaged, or of a kind that is not supported.</exception>
    public static async Task<(ImageProperties Properties, bool IsInUse)> InspectAsync(string path)
    {
        bool isInUse;
        using (var probe = NativeFile.TryOpen(path, writable: false, out _))
        {
            isInUse = probe is not null && ImageLock.IsHeld(probe);
        }

        var image = Open(path, new ImageOpenOptions(ReadOnly: true, TakeLock: false));
        await using (image.ConfigureAwait(false))
        {
            return (image.Properties, isInUse);
        }
    }

    /// <summary>Makes a VHDX file: complete under its name, or not there at all.</summary>
    /// <exception cref="ImageException">A parameter is out of range, the file exists, there is no space.</exception>
    public static void Create(string path, VhdxCreate parameters) => Create(path, file => parameters.Write(file, Guid.NewGuid));

    /// <summary>Makes a raw file of zeros: complete under its name, or not there at all.</summary>
    /// <param name="path">The new file.</param>
    /// <param name="sizeBytes">A multiple of 512.</param>
    /// <param name="reserve">Whether storage is allocated now.</param>
    /// <exception cref="ImageException">A parameter is out of range, the file exists, there is no space.</exception>
    public static void CreateRaw(string path, long sizeBytes, bool reserve)
    {
        if (sizeBytes is <= 0 or > VhdxLimits.MaximumSizeBytes || sizeBytes % 512 != 0)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot be made: the size {sizeBytes} must be a multiple of 512 up to 64 TB.");
        }

        Create(path, file =>
        {
            var status = reserve ? file.Reserve(0, sizeBytes) : file.SetLength(sizeBytes);
            status = status == BlockStatus.Ok ? file.Flush() : status;
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(path, "make", status);
            }
        });
    }

    private static void Create(string path, Action<IImageFile> write)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            throw new ImageException(ImageErrorKind.NotFound, path, $"The folder '{folder}' does not exist; make it first.");
        }

        if (Path.Exists(path))
        {
            throw new ImageException(ImageErrorKind.AlreadyExists, path, $"The file '{path}' exists already; choose another path or remove it first.");
        }

        using var file = SystemImageFile.CreateUnpublished(path);
        write(file);
        CrashPoint.Hit("image.written");
        file.Publish(path);
    }
}
