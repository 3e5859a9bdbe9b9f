using System.Text.Json.Nodes;
using Vireo.Disks;
using Vireo.Platform.Testing;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// A machine goes from place to place, running or not, while the host dies at each step or the move is given up: it has a complete set of disks at every
/// moment, whoever comes next finishes or undoes what was begun, and nothing is left where it should not be.
/// </summary>
[Requirement("SM-1")]
public sealed class StorageMoveTests(MovingMachine mover) : IClassFixture<MovingMachine>
{
    private const string Name = MovingMachine.Name;

    [Fact]
    public Task A_host_that_dies_while_it_moves_a_machine_that_is_off_leaves_all_of_it_at_one_place() =>
        DieAsync(isRunning: false, "host.move.committed");

    [Fact]
    public Task A_host_that_dies_while_it_moves_a_machine_that_runs_leaves_each_disk_at_one_place() =>
        DieAsync(isRunning: true, "host.move.switched");

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_machine_survives_a_host_that_dies_at_every_step()
    {
        await DieAsync(isRunning: false, "host.move.begun", "host.move.noted:2", "host.move.copied", "host.move.copied:2", "host.move.committing", "host.move.configured", "host.move.deleted", "host.move.deleted:3");
        await DieAsync(
            isRunning: true,
            "host.move.begun", "host.move.copied", "host.move.copied:2", "host.move.mirroring", "host.move.mirroring:2", "host.move.ready", "host.move.switching", "host.move.switched:2",
            "host.move.committing", "host.move.configured", "host.move.committed", "host.move.deleted", "host.move.deleted:3");
    }

    [Fact]
    public async Task Each_disk_goes_to_its_own_place_and_nothing_goes_where_somebody_elses_files_are()
    {
        await using var host = await mover.StartHostAsync();
        using var client = mover.Client();
        await TurnAsync(client, isRunning: true);
        await mover.WriteAsync(client);
        await RefuseAsync(client);
        var old = Path.GetDirectoryName((await mover.DrivesAsync(client))[0])!;
        var (source, target) = (Path.Combine(old, "data.vhdx"), Path.Combine(mover.Places, "own", "moved.vhdx"));
        await client.ObjectsAsync("Move-VMStorage", new
        {
            Name,
            Vhds = new[] { new { SourceFilePath = source, DestinationFilePath = target } },
            RetainVhdCopiesOnSource = true,
        });
        var drives = await mover.DrivesAsync(client);
        Assert.Equal([old, Path.Combine(mover.Places, "own")], drives.Select(path => Path.GetDirectoryName(path)!));
        Assert.Equal(target, (string?)Assert.Single(await client.ObjectsAsync("Get-VHD", new { Path = drives[1] }))["ParentPath"]);
        Assert.True(File.Exists(source));
        await mover.ExpectAsync(client);
        var last = mover.Stamp + 1;
        await mover.WriteAsync(client);

        // What stayed is what it was when the disk changed over, and nobody has it.
        await using (var left = ImageFile.Open(Directory.GetFiles(old, "data_*").Single(), new ImageOpenOptions()))
        {
            await MovingMachine.ExpectAsync(last, left);
        }

        foreach (var file in Directory.GetFiles(old, "data*"))
        {
            File.Delete(file);
        }

        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Move-VMStorage", new
        {
            Name,
            Vhds = new[] { new { SourceFilePath = source, DestinationFilePath = target } },
        }))["errorId"]);

        // Merged, now that the checkpoint is not needed any more, where they are.
        await client.ObjectsAsync("Remove-VMSnapshot", new { VMName = Name, Name = "then" });
        await Wait.UntilAsync("the disks to be merged", async () => (await mover.DrivesAsync(client)).All(path => path.EndsWith(".vhdx", StringComparison.Ordinal)), TimeSpan.FromMinutes(2));
        Assert.Equal([Path.Combine(old, "system.vhdx"), target], await mover.DrivesAsync(client));
        await mover.ExpectAsync(client);
        await TurnAsync(client, isRunning: false);
        await MoveAndCheckAsync(client, "flat");
        await client.ObjectsAsync("Checkpoint-VM", new { Name, SnapshotName = "then" });
    }

    [Theory]
    [InlineData("host.move.mirroring", "host.move.switching")]
    public Task Who_gives_up_has_everything_where_it_was(params string[] points) => GiveUpAsync(isRunning: true, points);

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_move_can_be_given_up_at_every_step()
    {
        await GiveUpAsync(isRunning: false, "host.move.begun", "host.move.copied", "host.move.committing");
        await GiveUpAsync(isRunning: true, "host.move.begun", "host.move.copied", "host.move.mirroring", "host.move.ready", "host.move.switching");
    }

    [Fact]
    public async Task A_file_that_somebody_makes_meanwhile_under_a_copys_name_stays_and_the_machine_is_where_it_was()
    {
        var hold = Path.Combine(mover.Places, "..", "hold");
        await using var host = await mover.StartHostAsync(holdFile: hold);
        using var client = mover.Client();
        await TurnAsync(client, isRunning: false);
        await mover.WriteAsync(client);
        var before = mover.Files();
        await File.WriteAllTextAsync(hold, "host.move.copied");
        var job = await client.StartJobAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(mover.Places, "theirs") });
        await Wait.UntilAsync("the first copy to be whole", () => File.Exists(CrashPoint.HeldFile(hold)), TimeSpan.FromMinutes(1), () => host.Log);

        // Parents come first: the name of a disk that stands on another is nobody's yet.
        var theirs = Path.Combine(mover.Places, "theirs", "Virtual Hard Disks", Path.GetFileName((await mover.DrivesAsync(client))[1]));
        Assert.False(File.Exists(theirs));
        await File.WriteAllTextAsync(theirs, "somebody's");
        File.Delete(hold);
        JsonNode? ended = null;
        await Wait.UntilAsync("the move to end", async () => (ended = await client.GetAsync($"api/jobs/{job}"))["ended"] is not null, TimeSpan.FromMinutes(1), () => host.Log);
        File.Delete(CrashPoint.HeldFile(hold));
        Assert.Contains(theirs, ended!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("somebody's", await File.ReadAllTextAsync(theirs));
        File.Delete(theirs);
        Assert.Equal(before, mover.Files());
        Assert.Empty(mover.Moves());
        await mover.ExpectAsync(client);
    }

    private async Task RefuseAsync(HostClient client)
    {
        var before = mover.Files();
        Directory.CreateDirectory(Path.Combine(mover.Places, "taken", "Virtual Hard Disks"));
        var theirs = Path.Combine(mover.Places, "taken", "Virtual Hard Disks", "data.vhdx");
        await File.WriteAllTextAsync(theirs, "mine");
        Assert.Equal("ResourceExists", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(mover.Places, "taken") }))["errorId"]);
        Assert.Equal("mine", await File.ReadAllTextAsync(theirs));

        // No folder can be made where a file is.
        Assert.Equal("OperationFailed", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(theirs, "folder") }))["errorId"]);
        Directory.Delete(Path.Combine(mover.Places, "taken"), recursive: true);
        Assert.Equal("InvalidParameter", (string?)(await client.ErrorAsync("Move-VMStorage", new { Name }))["errorId"]);
        Assert.Equal(before, mover.Files());
        Assert.Empty(mover.Moves());
        await mover.ExpectAsync(client);
    }

    // Up to the last step everything is undone; from then on it is finished. A machine that is turned off meanwhile is where it was.
    private async Task GiveUpAsync(bool isRunning, params string[] points)
    {
        var hold = Path.Combine(mover.Places, "..", "hold");
        await using var host = await mover.StartHostAsync(holdFile: hold);
        using var client = mover.Client();
        await TurnAsync(client, isRunning);
        await mover.WriteAsync(client);
        foreach (var point in points)
        {
            var isTooLate = point is "host.move.switching" or "host.move.committing";
            var before = mover.Files();
            await File.WriteAllTextAsync(hold, point);
            var job = await client.StartJobAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(mover.Places, $"up-{isRunning}-{point}") });
            await Wait.UntilAsync($"the move to come to {point}", () => File.Exists(CrashPoint.HeldFile(hold)), TimeSpan.FromMinutes(1), () => host.Log);
            Assert.Equal("InvalidState", (string?)(await client.ErrorAsync("Export-VM", new { Name, Path = Path.Combine(mover.Places, "export") }))["errorId"]);
            if (isRunning)
            {
                Assert.Equal("InvalidState", (string?)(await client.ErrorAsync("Checkpoint-VM", new { Name }))["errorId"]);
                if (point == "host.move.ready")
                {
                    await client.ObjectsAsync("Stop-VM", new { Name, TurnOff = true });
                }
            }

            await client.CancelJobAsync(job);
            File.Delete(hold);
            JsonNode? ended = null;
            await Wait.UntilAsync("the move to end", async () => (ended = await client.GetAsync($"api/jobs/{job}"))["ended"] is not null, TimeSpan.FromMinutes(1), () => host.Log);
            File.Delete(CrashPoint.HeldFile(hold));
            Assert.True(isTooLate == (mover.Files()[0] != before[0]), $"{point}: {ended}");
            if (!isTooLate)
            {
                Assert.Equal(before, mover.Files());
            }

            Assert.Empty(mover.Moves());
            await mover.ExpectAsync(client);
            await TurnAsync(client, isRunning);
            await mover.ExpectAsync(client);
            await mover.WriteAsync(client);
        }
    }

    private static async Task TurnAsync(HostClient client, bool isRunning)
    {
        if (((string?)Assert.Single(await client.ObjectsAsync("Get-VM", new { Name }))["State"] == "Running") != isRunning)
        {
            await client.ObjectsAsync(isRunning ? "Start-VM" : "Stop-VM", isRunning ? new { Name } : new { Name, TurnOff = true });
        }
    }

    private async Task DieAsync(bool isRunning, params string[] points)
    {
        await using (var host = await mover.StartHostAsync())
        {
            using var client = mover.Client();
            await TurnAsync(client, isRunning);
            await mover.WriteAsync(client);
        }

        foreach (var point in points)
        {
            var place = $"{(isRunning ? "running" : "off")}-{point}".Replace(':', '-');
            await using (var host = await mover.StartHostAsync(point))
            {
                using var client = mover.Client();
                await Assert.ThrowsAnyAsync<Exception>(() => client.RunAsync("Move-VMStorage", new { Name, DestinationStoragePath = Path.Combine(mover.Places, place) }));
                await Wait.UntilAsync($"the host to die at {point}", () => host.HasExited, TimeSpan.FromMinutes(1), () => host.Log);
            }

            await using var next = await mover.StartHostAsync();
            using var again = mover.Client();
            Assert.Equal(isRunning ? "Running" : "Off", (string?)Assert.Single(await again.ObjectsAsync("Get-VM", new { Name }))["State"]);
            await mover.ExpectAsync(again);
            await mover.WriteAsync(again);
            Assert.True(mover.Moves().Length == 0, $"{point}: {string.Join(", ", mover.Moves())}");
            await MoveAndCheckAsync(again, $"after-{place}");
        }
    }

    // After a move that nobody disturbs the machine's files are in one folder, and nowhere else.
    private async Task MoveAndCheckAsync(HostClient client, string place)
    {
        var folder = Path.Combine(mover.Places, place);
        await client.ObjectsAsync("Move-VMStorage", new { Name, DestinationStoragePath = folder });
        await mover.ExpectAsync(client);
        await mover.WriteAsync(client);
        Assert.All(await mover.DrivesAsync(client), path => Assert.Equal(Path.Combine(folder, "Virtual Hard Disks"), Path.GetDirectoryName(path)));
        Assert.All(mover.Files(), file => Assert.StartsWith(folder + "/", file, StringComparison.Ordinal));
        Assert.Empty(mover.Moves());
        foreach (var checkpoint in await client.ObjectsAsync("Get-VMSnapshot", new { VMName = Name }))
        {
            Assert.All(checkpoint["HardDrives"]!.AsArray(), drive => Assert.StartsWith(folder + "/", (string)drive!["Path"]!, StringComparison.Ordinal));
        }
    }
}
