using System.Text;
using Vireo.Disks;
using Vireo.Platform.Memory;

namespace Vireo.Host.Tests.Transfers;

/// <summary>Writes into images that nobody has open, and reads what they show, parents and all.</summary>
internal static class DiskContent
{
    private const long OffsetBytes = 1 << 20;
    private const int LengthBytes = 4096;

    public static async Task WriteAsync(string path, string text)
    {
        await using var image = ImageFile.Open(path, new ImageOpenOptions());
        using var buffer = new NativeBuffer(LengthBytes);
        Encoding.UTF8.GetBytes(text, buffer.Span);
        Assert.Equal(BlockStatus.Ok, await image.WriteAsync(OffsetBytes, new IoVector(new[] { buffer.Segment }, LengthBytes), WriteOptions.None));
        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
    }

    public static async Task<string> ReadAsync(string path)
    {
        await using var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
        using var buffer = new NativeBuffer(LengthBytes);
        Assert.Equal(BlockStatus.Ok, await image.ReadAsync(OffsetBytes, new IoVector(new[] { buffer.Segment }, LengthBytes)));
        return Encoding.UTF8.GetString(buffer.Span).TrimEnd('\0');
    }
}
