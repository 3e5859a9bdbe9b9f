using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>Several running machines of a host that move together, each with a disk of content of its own. They are gone, with their files, when this is disposed.</summary>
internal sealed class MachineCrowd : IAsyncDisposable
{
    private readonly List<Member> _members = [];
    private HostSide _here;

    private MachineCrowd(HostSide here) => _here = here;

    /// <summary>Makes and starts them.</summary>
    public static async Task<MachineCrowd> CreateAsync(HostSide here, string prefix, int count)
    {
        var crowd = new MachineCrowd(here);
        for (var number = 1; number <= count; number++)
        {
            var name = $"{prefix}{number}";
            var path = Path.Combine(here.Files, name, $"{name}.vhdx");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await here.Client.ObjectsAsync("New-VM", new { Name = name, Generation = 1, MemoryStartupBytes = 32 << 20, NoVHD = true, Path = here.Files, SwitchName = "lan" });
            await here.Client.ObjectsAsync("New-VHD", new { Path = path, SizeBytes = 64 << 20 });
            await here.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = name, ControllerType = "IDE", Path = path });
            await here.Client.ObjectsAsync("Start-VM", new { Name = name });
            var drive = Assert.Single(await here.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = name }));
            var member = new Member(name, Guid.Parse(((string)drive["Id"]!).Split('\\')[^1]), (prefix[0] * number % 250) + 1);
            Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", $"write -P {member.Content} 1M 3M", "-c", "flush", here.DiskAddress(member.Drive));
            crowd._members.Add(member);
        }

        return crowd;
    }

    /// <summary>Begins to move all of them with their files; gives the jobs.</summary>
    public async Task<List<Guid>> StartMovesAsync(HostSide there)
    {
        var jobs = new List<Guid>();
        foreach (var member in _members)
        {
            jobs.Add(await _here.Client.StartJobAsync(
                "Move-VM", new { member.Name, DestinationHost = there.Address, IncludeStorage = true, DestinationStoragePath = Path.Combine(there.Files, member.Name) }));
        }

        return jobs;
    }

    /// <summary>How many of the jobs wait for others.</summary>
    public async Task<int> WaitingAsync(List<Guid> jobs)
    {
        var waiting = 0;
        foreach (var job in jobs)
        {
            waiting += ((string?)(await _here.Client.GetAsync($"api/jobs/{job:D}"))["activity"])?.Contains("Waiting for other moves", StringComparison.Ordinal) == true ? 1 : 0;
        }

        return waiting;
    }

    /// <summary>Waits until all are done.</summary>
    public async Task EndMovesAsync(List<Guid> jobs)
    {
        foreach (var job in jobs)
        {
            var at = "";
            await Wait.UntilAsync(
                "a move to end", async () =>
                {
                    var info = await _here.Client.GetAsync($"api/jobs/{job:D}");
                    at = info.ToJsonString();
                    return (string?)info["status"] != "Running";
                }, TimeSpan.FromMinutes(3), () => at + "\n" + _here.Host.Log);
            Assert.Equal("Completed", (string?)(await _here.Client.GetAsync($"api/jobs/{job:D}"))["status"]);
        }
    }

    /// <summary>All run on that host, and on no other, with what was on their disks.</summary>
    public async Task ExpectAsync(HostSide there)
    {
        Assert.DoesNotContain(await _here.Client.ObjectsAsync("Get-VM", new { }), machine => _members.Any(member => member.Name == (string?)machine["Name"]));
        _here = there;
        foreach (var member in _members)
        {
            Assert.Equal("Running", (string?)Assert.Single(await there.Client.ObjectsAsync("Get-VM", new { member.Name }))["State"]);
            Assert.DoesNotContain(
                "verification failed",
                Peer.Run("qemu-io", "-r", "-f", "raw", "-c", $"read -P {member.Content} 1M 3M", "-c", "read -P 0 4M 60M", there.DiskAddress(member.Drive)), StringComparison.OrdinalIgnoreCase);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
        {
            await _here.Client.RunAsync("Stop-VM", new { member.Name, TurnOff = true });
            await _here.Client.RunAsync("Remove-VM", new { member.Name, Force = true });
            if (Directory.Exists(Path.Combine(_here.Files, member.Name)))
            {
                Directory.Delete(Path.Combine(_here.Files, member.Name), recursive: true);
            }
        }
    }

    private sealed record Member(string Name, Guid Drive, int Content);
}
