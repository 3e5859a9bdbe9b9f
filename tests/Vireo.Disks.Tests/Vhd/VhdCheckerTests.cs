using Vireo.Disks.Operations;
using Vireo.Disks.Vhd;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhd;

/// <summary>What the check of VHD images and of chains finds.</summary>
public sealed class VhdCheckerTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("VD-8")]
    public async Task A_sound_chain_is_described_file_by_file()
    {
        await MakeAsync();
        var reports = ImageCheck.Run(_folder["child.vhd"], null, CancellationToken.None);
        Assert.Equal(2, reports.Count);
        Assert.All(reports, static report => Assert.True(report.IsSound, string.Join('\n', report.Findings)));
        Assert.Contains(reports[0].Structure, static line => line.Contains("Differencing", StringComparison.Ordinal));
        Assert.Contains(reports[0].Structure, static line => line.Contains("1 of 4 blocks are allocated, 1 of them in part", StringComparison.Ordinal));
        Assert.Contains(reports[1].Structure, static line => line.Contains("Dynamic", StringComparison.Ordinal));
    }

    [Theory]
    [Requirement("VD-10")]
    [InlineData(40, "copy at the beginning", true)]
    [InlineData(-512 + 40, "footer at the end", true)]
    [InlineData(512 + 40, "checksum of the dynamic header", false)]
    [InlineData(1536, "ends behind the end of the data", false)]
    public async Task A_damaged_structure_is_named_and_nothing_written(int at, string message, bool isSound)
    {
        await MakeAsync();
        var bytes = await File.ReadAllBytesAsync(_folder["parent.vhd"]);
        bytes[at < 0 ? bytes.Length + at : at] ^= 0x10;
        await File.WriteAllBytesAsync(_folder["parent.vhd"], bytes);
        var report = Assert.Single(ImageCheck.Run(_folder["parent.vhd"], null, CancellationToken.None));
        Assert.Equal(isSound, report.IsSound);
        Assert.Contains(report.Findings, finding => finding.Message.Contains(message, StringComparison.Ordinal));
        Assert.Equal(bytes, await File.ReadAllBytesAsync(_folder["parent.vhd"]));
        if (!isSound)
        {
            var refused = await Assert.ThrowsAsync<ImageException>(() => ImageTest.RunAsync(_folder["parent.vhd"], null, null, CancellationToken.None));
            Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
        }
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task A_missing_or_strange_parent_is_an_error_of_the_chain()
    {
        await MakeAsync();
        File.Delete(_folder["parent.vhd"]);
        var missing = ImageCheck.Run(_folder["child.vhd"], null, CancellationToken.None);
        Assert.Contains(missing.SelectMany(static report => report.Findings), static finding => finding.Message.Contains("parent.vhd", StringComparison.Ordinal));
        ImageFile.Create(_folder["parent.vhd"], new VhdCreate(8 << 20, IsFixed: false));
        var strange = ImageCheck.Run(_folder["child.vhd"], null, CancellationToken.None);
        Assert.Contains(strange.SelectMany(static report => report.Findings), static finding => finding.Message.Contains("identity", StringComparison.Ordinal));
    }

    private async Task MakeAsync()
    {
        ImageFile.Create(_folder["parent.vhd"], new VhdCreate(8 << 20, IsFixed: false));
        await WriteAsync(_folder["parent.vhd"]);
        Differencing.CreateVhd(_folder["child.vhd"], _folder["parent.vhd"], 8 << 20, 0);
        await WriteAsync(_folder["child.vhd"]);

        static async Task WriteAsync(string path)
        {
            await using var image = ImageFile.Open(path, new ImageOpenOptions());
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(0, Enumerable.Repeat((byte)7, 4096).ToArray()));
        }
    }
}
