using Vireo.Disks.Files;
using Vireo.Disks.Raw;
using Vireo.Disks.Vhd;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks;

/// <summary>How an image is opened.</summary>
/// <param name="ReadOnly">Nothing is written, not even the replay of a log; others may read at the same time.</param>
/// <param name="Format">Null to go by the file's name, and by its content when the name tells nothing.</param>
/// <param name="TakeLock">False only to look at an image that may be open elsewhere.</param>
/// <param name="Parents">Where the parents of a differencing image are looked for, when not where the image says.</param>
/// <param name="Alone">Opens a differencing image without its parents, to look at it: what it does not hold cannot be read.</param>
/// <param name="AcceptBadChecksums">Reads on when a checksum is wrong but the values make sense, to rescue data; only together with <paramref name="ReadOnly"/>.</param>
/// <param name="Direct">Data go past the page cache where the file system and the format allow it.</param>
/// <param name="Device">The path must be a block device, whose bytes are the disk whatever they and its name look like.</param>
public sealed record ImageOpenOptions(
    bool ReadOnly = false, DiskFormat? Format = null, bool TakeLock = true, ParentSearch? Parents = null, bool Alone = false, bool AcceptBadChecksums = false,
    bool Direct = false, bool Device = false);

/// <summary>An image without opening it for use.</summary>
/// <param name="Properties">What it says of itself.</param>
/// <param name="Parent">What it says of its parent.</param>
/// <param name="ParentPath">Where the parent was found; the most telling path in the image when it was not; null without a parent.</param>
/// <param name="MinimumSizeBytes">The least size without loss of data; null when it is not known.</param>
/// <param name="IsInUse">Whether a program has it open.</param>
public sealed record ImageInspection(ImageProperties Properties, ParentReference? Parent, string? ParentPath, long? MinimumSizeBytes, bool IsInUse);

/// <summary>The door to disk images: finds the format, opens, makes, inspects.</summary>
public static class ImageFile
{
    private const int VhdFooterBytes = 512;

    private static ReadOnlySpan<byte> VhdSignature => "conectix"u8;

    /// <summary>
    /// Opens an image of any supported format, with its parents when it is a differencing one: they are opened for reading only, and locked
    /// so that nobody writes to them meanwhile. Hostile files end in an exception, never in a write.
    /// </summary>
    /// <exception cref="ImageException">Not there, in use, damaged, or of a kind that is not supported; or a parent is.</exception>
    public static IDiskImage Open(string path, ImageOpenOptions options)
    {
        var image = OpenAlone(path, options);
        return image.ParentReference is null || options.Alone ? image : ImageChain.Complete(image, options);
    }

    /// <summary>Opens the image in <paramref name="file"/>, which the image owns when the call succeeds.</summary>
    /// <exception cref="ImageException">Damaged, or of a kind that is not supported.</exception>
    public static IDiskImage Open(IImageFile file, DiskFormat? format = null, bool acceptBadChecksums = false) => (format ?? Sniff(file)) switch
    {
        DiskFormat.Vhdx => VhdxImage.Open(file, Guid.NewGuid),
        DiskFormat.Vhd => VhdImage.Open(file, acceptBadChecksums),
        _ => new RawImage(file),
    };

    /// <summary>
    /// The format that a file's name promises; null when it promises none. A name is the administrator's, content may be a guest's: a
    /// disk that is named raw stays raw whatever is written into it, and one that is named VHDX is damaged when it is none.
    /// </summary>
    public static DiskFormat? FormatByName(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".VHDX" or ".AVHDX" => DiskFormat.Vhdx,
        ".VHD" or ".AVHD" => DiskFormat.Vhd,
        ".ISO" or ".RAW" or ".IMG" or ".VFD" => DiskFormat.Raw,
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

    /// <summary>What an image says of itself, and whether a program has it open. Works on an image that is in use, and on one whose parent is missing.</summary>
    /// <exception cref="ImageException">Not there, damaged, or of a kind that is not supported.</exception>
    public static async Task<ImageInspection> InspectAsync(string path, ParentSearch? parents = null)
    {
        bool isInUse;
        if (UncPath.IsUnc(path))
        {
            isInUse = SmbImageFile.IsInUse(path);
        }
        else
        {
            using var probe = NativeFile.TryOpen(path, writable: false, out _);
            isInUse = probe is not null && ImageLock.IsHeld(probe);
        }

        var image = OpenAlone(path, new ImageOpenOptions(ReadOnly: true, TakeLock: false));
        await using (image.ConfigureAwait(false))
        {
            var reference = image.ParentReference;
            return new ImageInspection(
                image.Properties,
                reference,
                reference is null ? null : ImageChain.FindParent(image, parents) ?? (reference.Paths.Count > 0 ? reference.Paths[0] : string.Empty),
                await MinimumSize.MeasureAsync(image).ConfigureAwait(false),
                isInUse);
        }
    }

    /// <summary>Makes a VHDX file: complete under its name, or not there at all.</summary>
    /// <exception cref="ImageException">A parameter is out of range, the file exists, there is no space.</exception>
    public static void Create(string path, VhdxCreate parameters) => Create(path, file => parameters.Write(file, Guid.NewGuid));

    /// <summary>Makes a VHD file: complete under its name, or not there at all.</summary>
    /// <exception cref="ImageException">A parameter is out of range, the file exists, there is no space.</exception>
    public static void Create(string path, VhdCreate parameters) => Create(path, file => parameters.Write(file, Guid.NewGuid));

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

        Create(path, file => WriteRaw(file, sizeBytes, reserve));
    }

    internal static void WriteRaw(IImageFile file, long sizeBytes, bool reserve)
    {
        var status = reserve ? file.Reserve(0, sizeBytes) : file.SetLength(sizeBytes);
        status = status == BlockStatus.Ok ? file.Flush() : status;
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "make", status);
        }
    }

    internal static IDiskImage OpenAlone(string path, ImageOpenOptions options)
    {
        var file = ImageFiles.Open(path, options.ReadOnly, options.TakeLock);
        try
        {
            if (options.Device && file.DeviceSectorBytes == 0)
            {
                throw new ImageException(ImageErrorKind.InvalidParameter, path, $"'{path}' is not a block device any more.");
            }

            // What a block device holds is written by whoever uses it, and is no image because it looks like one.
            var format = options.Device ? DiskFormat.Raw : options.Format ?? FormatByName(path) ?? (file.DeviceSectorBytes != 0 ? DiskFormat.Raw : Sniff(file));

            // In a VHD, bitmaps and data share pages of the file, which must not be reached on two ways.
            if (options.Direct && format != DiskFormat.Vhd)
            {
                (file as SystemImageFile)?.TryGoDirect();
            }

            return Open(file, format, options.AcceptBadChecksums);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a file with <paramref name="write"/>: complete under its name, or not there at all.</summary>
    /// <exception cref="ImageException">The folder is missing, the file exists, there is no space.</exception>
    internal static void Create(string path, Action<IImageFile> write)
    {
        NewFile.Check(path);
        using var file = ImageFiles.CreateUnpublished(path);
        write(file);
        CrashPoint.Hit("image.written");
        file.Publish(path);
    }
}
