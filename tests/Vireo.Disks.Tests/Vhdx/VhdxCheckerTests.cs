using System.Buffers.Binary;
using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>What the checker says of sound and of damaged files.</summary>
public sealed class VhdxCheckerTests : IDisposable
{
    private const int TableOffset = 3 << 20;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("VD-8")]
    public async Task SoundImage_IsDescribedAndNothingIsFound()
    {
        var path = await MakeAsync();
        var before = await File.ReadAllBytesAsync(path);
        var report = Check(path);
        Assert.Empty(report.Findings);
        Assert.Contains(report.Structure, line => line.Contains("dynamic, 16 MB (16777216 bytes) in blocks of 1 MB, sectors of 512 (physical 4096)", StringComparison.Ordinal));
        Assert.Contains(report.Structure, line => line.Contains("Blocks: 16; 4 fully present", StringComparison.Ordinal));
        Assert.Contains(report.Structure, line => line.Contains("Made by 'Vireo", StringComparison.Ordinal));
        Assert.Equal(before, await File.ReadAllBytesAsync(path));
    }

    [Theory]
    [Requirement("VD-10")]
    [InlineData(0, 5UL, "block 0 is in state 5")]
    [InlineData(1, 7UL | (4UL << 20), "block 1 is in state 7")]
    [InlineData(1, 6UL | (4UL << 20), "over another block")]
    [InlineData(1, 6UL | (3UL << 20), "over region")]
    [InlineData(1, 6UL, "has no place in the file")]
    [InlineData(1, 6UL | (500UL << 20), "behind the end of the file")]
    public async Task DamagedEntry_IsNamedWithItsPlace(int entry, ulong value, string message)
    {
        var path = await MakeAsync();
        var bytes = await File.ReadAllBytesAsync(path);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(TableOffset + (entry * 8)), value);
        await File.WriteAllBytesAsync(path, bytes);
        var report = Check(path);
        Assert.False(report.IsSound);
        var finding = report.Findings.First(static finding => finding.Severity == FindingSeverity.Error);
        Assert.Contains(message, finding.Message, StringComparison.Ordinal);
        Assert.InRange(finding.OffsetBytes!.Value, TableOffset, TableOffset + 64);
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task DamagedCopies_AreWarnings_AndLostSpaceIsTold()
    {
        var path = await MakeAsync();
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[VhdxLimits.SecondRegionTableOffset + 20] ^= 1;
        bytes[VhdxLimits.FirstHeaderOffset + 20] ^= 1;
        Array.Resize(ref bytes, bytes.Length + (5 << 20));
        await File.WriteAllBytesAsync(path, bytes);
        var report = Check(path);
        Assert.True(report.IsSound);
        Assert.Contains(report.Findings, static finding => finding is { Severity: FindingSeverity.Warning, OffsetBytes: VhdxLimits.FirstHeaderOffset });
        Assert.Contains(report.Findings, static finding => finding is { Severity: FindingSeverity.Warning, OffsetBytes: VhdxLimits.SecondRegionTableOffset });
        Assert.Contains(report.Findings, static finding => finding.Severity == FindingSeverity.Information && finding.Message.StartsWith("5 MB of the file", StringComparison.Ordinal));
    }

    [Fact]
    [Requirement("VD-10")]
    public void FileThatIsNone_IsAnError()
    {
        File.WriteAllBytes(_folder["a.vhdx"], new byte[2 << 20]);
        var finding = Assert.Single(Check(_folder["a.vhdx"]).Findings);
        Assert.Equal((FindingSeverity.Error, 0L), (finding.Severity, finding.OffsetBytes!.Value));
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task DifferencingImage_ShowsItsParentAndItsBitmaps_AndMissesNone()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: false, 1 << 20));
        await using (var parent = VhdxChain.Open(_folder, 0))
        {
            await parent.WriteBytesAsync(0, Enumerable.Repeat((byte)1, 8 << 20).ToArray());
        }

        await VhdxChain.AddAsync(_folder, 1);
        await using (var child = VhdxChain.Open(_folder, 1))
        {
            await child.WriteBytesAsync(0, Enumerable.Repeat((byte)2, 4096).ToArray());
        }

        var path = VhdxChain.Name(_folder, 1);
        var report = Check(path);
        Assert.Empty(report.Findings);
        Assert.Contains(report.Structure, static line => line.Contains(@"Parent relative_path: .\0.vhdx", StringComparison.Ordinal));
        Assert.Contains(report.Structure, static line => line.Contains("1 partially present", StringComparison.Ordinal) && line.Contains("1 sector bitmaps", StringComparison.Ordinal));

        // The bitmap entry of the first chunk, behind its 4096 payload entries.
        var bytes = await File.ReadAllBytesAsync(path);
        bytes.AsSpan(TableOffset + (4096 * 8), 8).Clear();
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Contains(Check(path).Findings, static finding => finding.Severity == FindingSeverity.Error && finding.Message.Contains("no sector bitmap", StringComparison.Ordinal));
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => VhdxImage.Open(SystemImageFile.Open(path, readOnly: true), Guid.NewGuid)).Kind);
    }

    private async Task<string> MakeAsync()
    {
        ImageFile.Create(_folder["a.vhdx"], new VhdxCreate(16 << 20, IsFixed: false, 1 << 20));
        await using var image = ImageFile.Open(_folder["a.vhdx"], new ImageOpenOptions());
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(0, Enumerable.Repeat((byte)1, 4 << 20).ToArray()));
        return _folder["a.vhdx"];
    }

    private static ImageReport Check(string path)
    {
        using var file = SystemImageFile.Open(path, readOnly: true, takeLock: false);
        return VhdxChecker.Check(file, CancellationToken.None);
    }
}
