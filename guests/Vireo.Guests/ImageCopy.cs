using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;

namespace Vireo.Guests;

/// <summary>Copies the plain sectors of one file into a new VHDX. What is a hole or all zeros stays unallocated.</summary>
internal static class ImageCopy
{
    // Also the unit in which zeros are found; smaller than a block of the VHDX, so that a block is written only where something is.
    private const int StepBytes = 1 << 20;

    /// <summary>Makes <paramref name="target"/>, replacing a file of that name: complete under its name, or as it was.</summary>
    /// <exception cref="ImageException">An image cannot be read or written.</exception>
    public static async Task RunAsync(string source, string target, bool isFixed)
    {
        var plain = ImageFile.Open(source, new ImageOpenOptions(ReadOnly: true, Format: DiskFormat.Raw, TakeLock: false));
        await using (plain.ConfigureAwait(false))
        {
            var temporary = $"{target}.{Guid.NewGuid():N}.new";
            try
            {
                // Small blocks: a small guest then takes little room, and a test sees blocks being allocated.
                ImageFile.Create(temporary, new VhdxCreate(plain.Geometry.SizeBytes, isFixed, BlockSizeBytes: StepBytes, Creator: "Vireo guests"));
                var disk = ImageFile.Open(temporary, new ImageOpenOptions(Format: DiskFormat.Vhdx));
                await using (disk.ConfigureAwait(false))
                {
                    await CopyAsync(plain, disk);
                    Check(await disk.FlushAsync(), temporary, "flush");
                }

                File.Move(temporary, target, overwrite: true);
            }
            catch
            {
                File.Delete(temporary);
                throw;
            }
        }
    }

    private static async Task CopyAsync(IDiskImage source, IDiskImage target)
    {
        using var buffer = new NativeBuffer(StepBytes);
        var extents = new List<BlockExtent>();
        var size = source.Geometry.SizeBytes;
        for (var offset = 0L; offset < size;)
        {
            extents.Clear();
            Check(await source.MapExtentsAsync(offset, size - offset, extents), source.Path, "map");
            foreach (var extent in extents)
            {
                if (!extent.Kind.HasFlag(ExtentKind.Zero))
                {
                    await CopyExtentAsync(source, target, extent, buffer);
                }

                offset = extent.OffsetBytes + extent.LengthBytes;
            }
        }
    }

    private static async Task CopyExtentAsync(IDiskImage source, IDiskImage target, BlockExtent extent, NativeBuffer buffer)
    {
        var end = extent.OffsetBytes + extent.LengthBytes;
        for (var offset = extent.OffsetBytes; offset < end;)
        {
            // Steps end at multiples of their size: neighbouring extents then share no step.
            var length = (int)(Math.Min(end, ((offset / StepBytes) + 1) * StepBytes) - offset);
            var vector = new IoVector(new[] { buffer.Segment.Slice(0, length) }, length);
            Check(await source.ReadAsync(offset, vector), source.Path, "read");
            if (buffer.Span[..length].ContainsAnyExcept((byte)0))
            {
                Check(await target.WriteAsync(offset, vector, WriteOptions.None), target.Path, "write");
            }

            offset += length;
        }
    }

    private static void Check(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }
}
