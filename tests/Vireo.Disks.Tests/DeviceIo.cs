using System.Security.Cryptography;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Tests;

/// <summary>Whole-array requests for tests.</summary>
internal static class DeviceIo
{
    public static async Task<byte[]> ReadBytesAsync(this IBlockDevice device, long offset, int length)
    {
        using var buffer = new NativeBuffer(Math.Max(length, 1));
        Assert.Equal(BlockStatus.Ok, await device.ReadAsync(offset, Split(buffer, length)));
        return buffer.Span[..length].ToArray();
    }

    public static async Task<BlockStatus> WriteBytesAsync(this IBlockDevice device, long offset, byte[] content, WriteOptions options = WriteOptions.None)
    {
        using var buffer = new NativeBuffer(Math.Max(content.Length, 1));
        content.CopyTo(buffer.Span);
        return await device.WriteAsync(offset, Split(buffer, content.Length), options);
    }

    public static async Task<string> HashAsync(this IBlockDevice device)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        const int step = 4 << 20;
        for (var offset = 0L; offset < device.Geometry.SizeBytes; offset += step)
        {
            hash.AppendData(await device.ReadBytesAsync(offset, (int)Math.Min(step, device.Geometry.SizeBytes - offset)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public static async Task<List<BlockExtent>> MapAllAsync(this IBlockDevice device)
    {
        var all = new List<BlockExtent>();
        for (var offset = 0L; offset < device.Geometry.SizeBytes; offset = all[^1].OffsetBytes + all[^1].LengthBytes)
        {
            Assert.Equal(BlockStatus.Ok, await device.MapExtentsAsync(offset, device.Geometry.SizeBytes - offset, all));
        }

        return all;
    }

    // Three uneven segments, so that every test also tests scatter and gather.
    private static IoVector Split(NativeBuffer buffer, int length)
    {
        var segment = buffer.Segment;
        var first = length / 3;
        var second = length / 5;
        return new IoVector(
            new[] { segment.Slice(0, first), segment.Slice(first, second), segment.Slice(first + second, length - first - second) }, length);
    }
}
