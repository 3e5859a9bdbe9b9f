using Vireo.Testing;

namespace Vireo.SystemTests.Scenarios;

/// <summary>What cannot be done is refused with one clear sentence, and nothing is half made.</summary>
[Collection(SystemCollection.Name)]
public sealed class BadInputTests(SystemHost system)
{
    [Theory]
    [InlineData("Get-VM -Name nosuch", "nosuch")]
    [InlineData("Start-VM -Name nosuch", "nosuch")]
    [InlineData("Remove-VM -Name nosuch -Force", "nosuch")]
    [InlineData("New-VM -Name bad -MemoryStartupBytes 1KB -NoVHD", "emory")]
    [InlineData("New-VM -Name bad -MemoryStartupBytes 4096TB -NoVHD", "emory")]
    [InlineData("New-VM -Name bad -Generation 3 -NoVHD", "Generation")]
    [InlineData("New-VM -Name bad -MemoryStartupBytes lots -NoVHD", "lots")]
    [InlineData("New-VM -Name bad -NoVHD -SwitchName nosuch", "nosuch")]
    [InlineData("New-VM -Name bad -VHDPath /nonexistent/disk.vhdx", "/nonexistent/disk.vhdx")]
    [InlineData("New-VM -Name bad -NewVHDPath bad.vhdx -NewVHDSizeBytes 65TB", "NewVHDSizeBytes")]
    [InlineData("New-VHD -Path /nonexistent/folder/a.vhdx -SizeBytes 1GB", "/nonexistent/folder")]
    [InlineData("New-VMSwitch -Name bad -NetAdapterName nosuch0", "nosuch0")]
    [InlineData("New-VMSwitch -Name bad -SwitchType Sideways", "Sideways")]
    [InlineData("Get-VMSwitch -Name nosuch", "nosuch")]
    [InlineData("Get-VHD -Path /nonexistent.vhdx", "/nonexistent.vhdx")]
    [InlineData("Make-VM", "Make-VM")]
    [InlineData("Get-VM -Nmae x", "Nmae")]
    public async Task IsRefusedWithASentenceThatNamesIt(string command, string named)
    {
        var host = system.Host;
        var output = await host.RunAsync(command.Split(' '));
        Assert.NotEqual(0, output.ExitCode);
        Assert.Contains(named, output.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output.Error, StringComparison.Ordinal);
        Assert.Empty(await host.QueryAsync("Get-VM", "bad*"));
        Assert.Empty(await host.QueryAsync("Get-VMSwitch", "bad*"));
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task ACorruptDiskIsRefusedAndLeftAlone()
    {
        var host = system.Host;
        var disk = Path.Combine(host.Files, "corrupt.vhdx");
        await host.CheckAsync("New-VHD", "-Path", disk, "-SizeBytes", "1GB");
        await using (var file = new FileStream(disk, FileMode.Open))
        {
            // Both region tables ([MS-VHDX] 2.2.3): the image cannot be understood any more.
            file.Position = 192 << 10;
            await file.WriteAsync(new byte[128 << 10]);
        }

        var before = await File.ReadAllBytesAsync(disk);
        var output = await host.RunAsync("Get-VHD", "-Path", disk);
        Assert.NotEqual(0, output.ExitCode);
        Assert.Contains(disk, output.Error, StringComparison.Ordinal);
        output = await host.RunAsync("New-VM", "-Name", "badcorrupt", "-VHDPath", disk);
        if (output.ExitCode == 0)
        {
            // A machine may refer to a disk that is mended later; it must not start with it.
            output = await host.RunAsync("Start-VM", "-Name", "badcorrupt");
            Assert.NotEqual(0, output.ExitCode);
            await host.CheckAsync("Remove-VM", "-Name", "badcorrupt", "-Force");
        }

        Assert.Equal(before, await File.ReadAllBytesAsync(disk));
    }

    [Fact]
    public async Task AFileThatExistsIsNotOverwritten()
    {
        var host = system.Host;
        var disk = Path.Combine(host.Files, "precious.vhdx");
        await File.WriteAllTextAsync(disk, "precious");
        Assert.NotEqual(0, (await host.RunAsync("New-VHD", "-Path", disk, "-SizeBytes", "1GB")).ExitCode);
        Assert.NotEqual(0, (await host.RunAsync("New-VM", "-Name", "badexists", "-NewVHDPath", disk, "-NewVHDSizeBytes", "1GB")).ExitCode);
        Assert.Equal("precious", await File.ReadAllTextAsync(disk));
        Assert.Empty(await host.QueryAsync("Get-VM", "badexists*"));
    }

    [Fact]
    public async Task ADiskInUseIsNotGivenToAnother()
    {
        var host = system.Host;
        var disk = Path.Combine(host.Files, "shared.vhdx");
        await host.CheckAsync("New-VHD", "-Path", disk, "-SizeBytes", "1GB");
        await host.CheckAsync("New-VM", "-Name", "owner", "-VHDPath", disk);
        var output = await host.RunAsync("New-VM", "-Name", "badthief", "-VHDPath", disk);
        Assert.NotEqual(0, output.ExitCode);
        Assert.Contains("shared.vhdx", output.Error, StringComparison.Ordinal);
        Assert.Empty(await host.QueryAsync("Get-VM", "badthief*"));
        await host.CheckAsync("Remove-VM", "-Name", "owner", "-Force");
    }

    [Fact]
    public async Task AFullFileSystemLeavesNothingBehind()
    {
        var host = system.Host;
        var small = Path.Combine(host.Files, "small");
        Directory.CreateDirectory(small);
        Peer.Run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small);
        try
        {
            var disk = Path.Combine(small, "big.vhdx");
            var output = await host.RunAsync("New-VHD", "-Path", disk, "-SizeBytes", "1GB", "-Fixed");
            Assert.NotEqual(0, output.ExitCode);
            Assert.Contains("space", output.Error, StringComparison.OrdinalIgnoreCase);
            Assert.Empty(Directory.GetFiles(small));
            // Not even the few structures of an empty dynamic image fit any more (its file is sparse).
            await File.WriteAllBytesAsync(Path.Combine(small, "filler"), new byte[(8 << 20) - (96 << 10)]);
            output = await host.RunAsync("New-VM", "-Name", "badfull", "-Path", small, "-NewVHDPath", Path.Combine(small, "b.vhdx"), "-NewVHDSizeBytes", "1GB");
            Assert.NotEqual(0, output.ExitCode);
            Assert.Empty(await host.QueryAsync("Get-VM", "badfull*"));
            Assert.Equal("filler", Path.GetFileName(Assert.Single(Directory.GetFiles(small, "*", SearchOption.AllDirectories))));
        }
        finally
        {
            Peer.Run("umount", small);
        }
    }
}
