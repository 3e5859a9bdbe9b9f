using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>The commands about virtual hard disks, on a whole host.</summary>
public sealed class DiskCommandTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const long Size = 64 << 20;

    [Theory]
    [Requirement("VD-8")]
    [Requirement("PS-1")]
    [InlineData("vhdx", "avhdx")]
    [InlineData("vhd", "avhd")]
    public async Task A_disk_is_made_forked_grown_converted_merged_and_tested(string extension, string childExtension)
    {
        var folder = Directory.CreateDirectory(host[$"life-{extension}"]).FullName;
        var (parent, child, copy) = ($"{folder}/base.{extension}", $"{folder}/child.{childExtension}", $"{folder}/copy.{(extension == "vhd" ? "vhdx" : "vhd")}");
        var made = Assert.Single(await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size }));
        Assert.Equal("Dynamic", (string?)made["VhdType"]);
        Assert.Equal(1, (int)made["Alignment"]!);
        Peer.Run("qemu-io", "-f", extension == "vhd" ? "vpc" : "vhdx", "-c", "write -P 0x5a 1M 64k", parent);
        var forked = Assert.Single(await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = parent, Differencing = true }));
        Assert.Equal("Differencing", (string?)forked["VhdType"]);
        Assert.Equal(parent, (string?)forked["ParentPath"]);
        Assert.Equal(Size, (long)forked["Size"]!);
        Assert.True(await TestAsync(child));

        var grown = Assert.Single(await host.Client.ObjectsAsync("Resize-VHD", new { Path = child, SizeBytes = 2 * Size, Passthru = true }));
        Assert.Equal(2 * Size, (long)grown["Size"]!);
        var converted = Assert.Single(await host.Client.ObjectsAsync("Convert-VHD", new { Path = child, DestinationPath = copy, VHDType = "Fixed", Passthru = true }));
        Assert.Equal("Fixed", (string?)converted["VhdType"]);
        Peer.Run("qemu-io", "-r", "-f", extension == "vhd" ? "vhdx" : "vpc", "-c", "read -P 0x5a 1M 64k", copy);

        var merged = Assert.Single(await host.Client.ObjectsAsync("Merge-VHD", new { Path = child, Force = true, Passthru = true }));
        Assert.Equal(parent, (string?)merged["Path"]);
        Assert.False(File.Exists(child));
        Assert.Equal(2 * Size, (long)merged["Size"]!);
        var small = Assert.Single(await host.Client.ObjectsAsync("Resize-VHD", new { Path = parent, ToMinimumSize = true, Passthru = true }));
        Assert.InRange((long)small["Size"]!, 1 << 20, Size);
        var optimized = Assert.Single(await host.Client.ObjectsAsync("Optimize-VHD", new { Path = parent, Mode = "Full", Passthru = true }));
        Assert.InRange((long)optimized["FileSize"]!, 1 << 16, 64 << 20);
        Assert.True(await TestAsync(parent));
        var before = (string?)optimized["DiskIdentifier"];
        var reset = Assert.Single(await host.Client.ObjectsAsync("Set-VHD", new { Path = parent, ResetDiskIdentifier = true, Force = true, Passthru = true }));
        Assert.NotEqual(before, (string?)reset["DiskIdentifier"]);
    }

    [Fact]
    [Requirement("SB-1")]
    [Requirement("SM-2")]
    public async Task Disks_on_a_share_are_made_and_given_to_a_machine()
    {
        using var server = new SambaServer();
        var (parent, child) = (server.Unc("base.vhdx"), server.Unc("child.avhdx"));
        var stranger = await host.Client.ErrorAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        Assert.Equal("AccessDenied", (string?)stranger["errorId"]);
        Assert.Contains("no login", (string?)stranger["message"], StringComparison.Ordinal);
        host.AddLogin(server);
        var made = Assert.Single(await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size }));
        Assert.Equal(parent, (string?)made["Path"]);
        Assert.Equal("ObjectAlreadyExists", (string?)(await host.Client.ErrorAsync("New-VHD", new { Path = parent, SizeBytes = Size }))["errorId"]);
        var forked = Assert.Single(await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = parent, Differencing = true }));
        Assert.Equal(parent, (string?)forked["ParentPath"], ignoreCase: true);
        Assert.True(await TestAsync(child));
        await host.Client.ObjectsAsync("New-VM", new { Name = "sharing", MemoryStartupBytes = 64L << 20, VHDPath = child, Generation = 2 });
        await host.Client.ObjectsAsync("New-VHD", new { Path = server.Unc("data.vhdx"), SizeBytes = Size });
        await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "sharing", Path = server.Unc("data.vhdx") });
        var drives = await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "sharing" });
        Assert.Equal([child, server.Unc("data.vhdx")], drives.Select(drive => (string?)drive["Path"]));
        Assert.Equal("ObjectInUse", (string?)(await host.Client.ErrorAsync("New-VM", new { Name = "another", MemoryStartupBytes = 64L << 20, VHDPath = child.ToUpperInvariant() }))["errorId"]);
        Assert.Equal("NotSupported", (string?)(await host.Client.ErrorAsync("Checkpoint-VM", new { Name = "sharing" }))["errorId"]);
        Assert.Equal("NotSupported", (string?)(await host.Client.ErrorAsync("Export-VM", new { Name = "sharing", Path = host["export"] }))["errorId"]);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "sharing", Force = true });
        Assert.Equal("ParameterArgumentValidationError", (string?)(await host.Client.ErrorAsync("New-VHD", new { Path = server.Unc(@"..\x.vhdx"), SizeBytes = Size }))["errorId"]);
        Assert.Equal("ParameterArgumentValidationError", (string?)(await host.Client.ErrorAsync("New-VM", new { Name = "there", Path = server.Unc("machines") }))["errorId"]);
    }

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("SB-1")]
    [Requirement("SM-2")]
    public async Task Disks_on_a_share_are_converted_merged_grown_and_kept_by_the_machine_that_runs()
    {
        using var server = new SambaServer();
        var (parent, child, copy) = (server.Unc("base.vhdx"), server.Unc(@"children\child.avhdx"), server.Unc("copy.vhd"));
        host.AddLogin(server);
        Directory.CreateDirectory(Path.Combine(server.Folder, "children"));
        await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        Peer.Run("qemu-io", "-f", "vhdx", "-c", "write -P 0x5a 1M 64k", Path.Combine(server.Folder, "base.vhdx"));
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = parent, Differencing = true });
        await host.Client.ObjectsAsync("Convert-VHD", new { Path = child, DestinationPath = copy, VHDType = "Fixed" });
        Peer.Run("qemu-io", "-r", "-f", "vpc", "-c", "read -P 0x5a 1M 64k", Path.Combine(server.Folder, "copy.vhd"));
        await host.Client.ObjectsAsync("Convert-VHD", new { Path = copy, DestinationPath = host["local.vhdx"] });
        Peer.Run("qemu-io", "-r", "-f", "vhdx", "-c", "read -P 0x5a 1M 64k", host["local.vhdx"]);
        await host.Client.ObjectsAsync("Merge-VHD", new { Path = child, Force = true });
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(server.Folder, "children")));
        Assert.Equal(2 * Size, (long)Assert.Single(await host.Client.ObjectsAsync("Resize-VHD", new { Path = parent, SizeBytes = 2 * Size, Passthru = true }))["Size"]!);

        // A machine that runs has it, and nobody else meanwhile.
        await host.Client.ObjectsAsync("New-VM", new { Name = "on a share", MemoryStartupBytes = 64L << 20, VHDPath = parent, Generation = 2 });
        await host.Client.ObjectsAsync("Start-VM", new { Name = "on a share" });
        Assert.NotEqual(0, Peer.TryRun("smbclient", $"//{server.Address}/vms", "-m", "SMB3", "-U", $"{SambaServer.User}%{server.Password}", "-c", $"put {host["local.vhdx"]} base.vhdx").ExitCode);
        Assert.True((bool)Assert.Single(await host.Client.ObjectsAsync("Get-VHD", new { Path = parent }))["Attached"]!);
        await host.Client.ObjectsAsync("Stop-VM", new { Name = "on a share", TurnOff = true });
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "on a share", Force = true });
    }

    [Fact]
    [Requirement("VD-8")]
    [Requirement("VD-10")]
    public async Task A_lost_parent_is_named_and_set_again()
    {
        var folder = Directory.CreateDirectory(host["lost"]).FullName;
        var (parent, child) = ($"{folder}/base.vhdx", $"{folder}/child.vhdx");
        await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = parent });
        Directory.CreateDirectory($"{folder}/else");
        File.Move(parent, $"{folder}/else/moved.vhdx");
        var missing = await host.Client.ErrorAsync("Resize-VHD", new { Path = child, SizeBytes = 2 * Size });
        Assert.Equal("ParentNotFound", (string?)missing["errorId"]);
        Assert.Contains("base.vhdx", (string)missing["message"]!, StringComparison.Ordinal);
        Assert.False(await TestAsync(child));

        // It still says what it is.
        Assert.Equal("Differencing", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VHD", new { Path = child }))["VhdType"]);
        await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        Assert.Equal("ParentMismatch", (string?)(await host.Client.ErrorAsync("Set-VHD", new { Path = child, ParentPath = parent }))["errorId"]);
        var again = Assert.Single(await host.Client.ObjectsAsync("Set-VHD", new { Path = child, ParentPath = $"{folder}/else/moved.vhdx", Passthru = true }));
        Assert.Equal($"{folder}/else/moved.vhdx", (string?)again["ParentPath"]);
        Assert.True(await TestAsync(child));
    }

    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-8")]
    [InlineData("vhdx", "avhdx")]
    [InlineData("vhd", "avhd")]
    public async Task A_parent_that_was_elsewhere_on_Windows_is_found_in_a_mapped_folder(string extension, string childExtension)
    {
        var folder = Directory.CreateDirectory(host[$"mapped-{extension}"]).FullName;
        var there = Directory.CreateDirectory($"{folder}/archive/Base Disks").FullName;
        var (parent, child) = ($"{there}/base.{extension}", $"{folder}/child.{childExtension}");
        await host.Client.ObjectsAsync("New-VHD", new { Path = parent, SizeBytes = Size });
        Peer.Run("qemu-io", "-f", extension == "vhd" ? "vpc" : "vhdx", "-c", "write -P 0x5a 1M 64k", parent);
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = parent });
        var image = Disks.ImageFile.Open(child, new Disks.ImageOpenOptions(Alone: true));
        await using (image)
        {
            image.Maintenance!.SetParentReference(image.ParentReference! with { Paths = [$@"E:\Servers {extension}\Base Disks\base.{extension}"] });
        }

        Assert.False(await TestAsync(child));
        try
        {
            var mapped = Assert.Single(await host.Client.ObjectsAsync(
                "Set-VMHost", new { ParentPathMap = new[] { @"D:\=/srv", $@"e:\servers {extension}={folder}/archive" }, Passthru = true }))["ParentPathMap"]!.AsArray();
            Assert.Equal([@"D:\=/srv", $@"e:\servers {extension}={folder}/archive"], mapped.Select(one => (string?)one));
            Assert.True(await TestAsync(child));
            Assert.Equal(parent, (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VHD", new { Path = child }))["ParentPath"]);
            var copy = $"{folder}/copy.vhdx";
            await host.Client.ObjectsAsync("Convert-VHD", new { Path = child, DestinationPath = copy });
            Peer.Run("qemu-io", "-r", "-f", "vhdx", "-c", "read -P 0x5a 1M 64k", copy);
            foreach (var wrong in new[] { @"D:\VMs", "=/srv", @"D:\VMs=srv" })
            {
                await RefusedAsync("Set-VMHost", new { ParentPathMap = new[] { wrong } }, "InvalidParameter");
            }
        }
        finally
        {
            await host.Client.ObjectsAsync("Set-VMHost", new { ParentPathMap = new[] { "" } });
        }

        Assert.False(await TestAsync(child));
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task What_cannot_be_done_is_refused_and_leaves_everything_as_it_was()
    {
        var folder = Directory.CreateDirectory(host["refused"]).FullName;
        var (disk, damaged) = ($"{folder}/disk.vhdx", $"{folder}/damaged.vhdx");
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        await File.WriteAllBytesAsync(damaged, new byte[1 << 20]);
        var before = Snapshot(folder);
        await RefusedAsync("Convert-VHD", new { Path = $"{folder}/none.vhdx", DestinationPath = $"{folder}/b.vhd" }, "InvalidParameter");
        await RefusedAsync("Convert-VHD", new { Path = disk, DestinationPath = $"{folder}/b.txt" }, "InvalidParameter");
        await RefusedAsync("Convert-VHD", new { Path = disk, DestinationPath = disk }, "InvalidParameter");
        await RefusedAsync("Convert-VHD", new { Path = disk, DestinationPath = "/no/such/b.vhd" }, "InvalidParameter");
        await RefusedAsync("Convert-VHD", new { Path = disk, DestinationPath = $"{folder}/b.vhd", VHDType = "Differencing" }, "InvalidParameter");
        await RefusedAsync("Convert-VHD", new { Path = damaged, DestinationPath = $"{folder}/b.vhd" }, "OperationFailed");
        await RefusedAsync("Merge-VHD", new { Path = disk, Force = true }, "InvalidParameter");
        await RefusedAsync("Resize-VHD", new { Path = disk, SizeBytes = 1 }, "InvalidParameter");
        await RefusedAsync("Resize-VHD", new { Path = damaged, SizeBytes = Size }, "OperationFailed");
        await RefusedAsync("Optimize-VHD", new { Path = damaged }, "OperationFailed");
        await RefusedAsync("Set-VHD", new { Path = disk, ParentPath = damaged }, "InvalidParameter");
        await RefusedAsync("Set-VHD", new { Path = damaged, PhysicalSectorSizeBytes = 4096 }, "OperationFailed");
        await RefusedAsync("Test-VHD", new { Path = damaged }, "OperationFailed");
        await RefusedAsync("New-VHD", new { Path = $"{folder}/c.vhd", ParentPath = disk }, "InvalidParameter");
        await RefusedAsync("New-VHD", new { Path = $"{folder}/c.vhdx", ParentPath = $"{folder}/none.vhdx" }, "InvalidParameter");
        await RefusedAsync("New-VHD", new { Path = $"{folder}/c.vhd", SizeBytes = 2041L << 30 }, "InvalidParameter");

        // Open in another program.
        using (File.Open(disk, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            var held = Disks.ImageFile.Open(disk, new Disks.ImageOpenOptions(ReadOnly: true));
            await using (held)
            {
                await RefusedAsync("Resize-VHD", new { Path = disk, SizeBytes = 2 * Size }, "ObjectInUse");
            }
        }

        Assert.Equal(before, Snapshot(folder));
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task A_full_file_system_leaves_no_half_disk()
    {
        var folder = host["full-conversion"];
        Directory.CreateDirectory(folder);
        var source = host["full-source.vhdx"];
        await host.Client.ObjectsAsync("New-VHD", new { Path = source, SizeBytes = Size });
        Peer.Run("qemu-io", "-f", "vhdx", "-c", "write -P 0x5a 0 32M", source);
        Peer.Run("mount", "-t", "tmpfs", "-o", "size=8m", "none", folder);
        try
        {
            foreach (var target in new[] { "a.vhd", "a.vhdx" })
            {
                await RefusedAsync("Convert-VHD", new { Path = source, DestinationPath = $"{folder}/{target}" }, "OutOfDiskSpace");
                Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
            }
        }
        finally
        {
            Peer.Run("umount", folder);
        }
    }

    [Fact]
    [Requirement("PS-4")]
    public async Task WhatIf_changes_no_disk()
    {
        var folder = Directory.CreateDirectory(host["whatif"]).FullName;
        var (disk, child) = ($"{folder}/disk.vhdx", $"{folder}/child.vhdx");
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = Size });
        await host.Client.ObjectsAsync("New-VHD", new { Path = child, ParentPath = disk });
        var before = Snapshot(folder);
        foreach (var (command, parameters) in new (string, object)[]
        {
            ("Convert-VHD", new { Path = disk, DestinationPath = $"{folder}/b.vhd" }),
            ("Resize-VHD", new { Path = disk, SizeBytes = 2 * Size }),
            ("Optimize-VHD", new { Path = disk }),
            ("Merge-VHD", new { Path = child }),
            ("Set-VHD", new { Path = disk, PhysicalSectorSizeBytes = 512 }),
        })
        {
            var records = await host.Client.RunAsync(command, parameters, whatIf: true);
            Assert.Contains(records, static record => (string?)record["record"] == "whatif");
        }

        Assert.Equal(before, Snapshot(folder));
    }

    private static string Snapshot(string folder) => string.Join('\n', Directory.GetFiles(folder).Order().Select(
        static path => $"{path} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))}"));

    private async Task RefusedAsync(string command, object parameters, string errorId)
    {
        var error = await host.Client.ErrorAsync(command, parameters);
        Assert.True(errorId == (string?)error["errorId"], $"{command} {System.Text.Json.JsonSerializer.Serialize(parameters)}: {error.ToJsonString()}");
        Assert.EndsWith(".", (string)error["message"]!, StringComparison.Ordinal);
    }

    private async Task<bool> TestAsync(string path)
    {
        var records = await host.Client.RunAsync("Test-VHD", new { Path = path });
        return (bool)Assert.Single(records, static record => (string?)record["record"] == "object")["value"]!;
    }
}
