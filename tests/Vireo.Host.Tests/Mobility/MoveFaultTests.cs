using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// A machine that runs goes from host to host while a process beside the hosts dies at each step: it is one host's, whole, and nothing is left on the other.
/// </summary>
[Requirement("LM-2")]
[Requirement("LM-4")]
[Trait("Category", "Long")]
public sealed class MoveFaultTests(HostPair hosts) : IClassFixture<HostPair>
{
    /// <summary>Who dies.</summary>
    public enum Victim
    {
        Storage,
        Switch,
        Machine,
    }

    [Theory]
    [InlineData(Victim.Storage, true)]
    [InlineData(Victim.Storage, false)]
    [InlineData(Victim.Switch, true)]
    [InlineData(Victim.Switch, false)]
    [InlineData(Victim.Machine, true)]
    [InlineData(Victim.Machine, false)]
    public async Task A_process_that_dies_while_a_machine_moves_leaves_it_to_one(Victim victim, bool atSource)
    {
        foreach (var point in HostMoveTests.SourceSteps)
        {
            await DieAsync(point, isSourcesStep: true, victim, atSource);
        }

        foreach (var point in HostMoveTests.DestinationSteps)
        {
            await DieAsync(point, isSourcesStep: false, victim, atSource);
        }
    }

    [Fact]
    public async Task A_destination_that_becomes_full_says_so_and_keeps_nothing()
    {
        const int megabytes = 512;
        await hosts.TurnAsync(isRunning: true);
        await hosts.WriteAsync(extraBytes: 4 << 20);
        var before = hosts.Here;
        Peer.Run("mount", "-o", $"remount,size={megabytes}m", hosts.There.Small);
        var refused = await hosts.TryMoveAsync(Path.Combine(hosts.There.Small, new string('x', 300)));
        Assert.NotNull(refused);
        var failures = 0;
        foreach (var kilobytes in new[] { 0, 256, 512, 1024, 2048, 4096, 8192, 12288, 65536 })
        {
            var place = Path.Combine(hosts.There.Small, $"{kilobytes}");
            before.HoldAt("host.departure.offered");
            var moving = hosts.TryMoveAsync(place);
            await Wait.UntilAsync("the offer to be taken", () => before.IsHeld, TimeSpan.FromMinutes(1), () => before.Host.Log);
            var ballast = Path.Combine(hosts.There.Small, "..ballast");
            Peer.Run("fallocate", "-l", $"{(megabytes * 1024) - kilobytes - 64}K", ballast);
            before.LetGo();
            var error = await moving;
            File.Delete(ballast);
            await hosts.SettleAsync();
            Assert.Equal("Running", await hosts.StateAsync());
            await hosts.ExpectAsync();
            if (error is null)
            {
                Assert.NotSame(before, hosts.Here);
                Assert.Null(await hosts.TryMoveAsync());
                await hosts.SettleAsync();
                await hosts.ExpectAsync();
                break;
            }

            failures++;
            Assert.Same(before, hosts.Here);
            Assert.True((string?)error["errorId"] == "OutOfDiskSpace", $"{kilobytes} KB: {error.ToJsonString()}");
        }

        Assert.Same(before, hosts.Here);
        Assert.True(failures > 1, "it had room at once");
    }

    private async Task DieAsync(string point, bool isSourcesStep, Victim victim, bool atSource)
    {
        var where = $"{victim} of the {(atSource ? "old" : "new")} host at {point}";
        await hosts.TurnAsync(isRunning: true);
        await hosts.WriteAsync();
        var (before, after) = (hosts.Here, hosts.There);
        var held = isSourcesStep ? before : after;
        var dying = atSource ? before : after;
        held.HoldAt(point);
        var moving = hosts.TryMoveAsync();
        await Wait.UntilAsync($"the move to come to {point}", () => held.IsHeld, TimeSpan.FromMinutes(1), () => held.Host.Log);
        switch (victim)
        {
            case Victim.Storage:
                await dying.KillStorageAsync();
                break;
            case Victim.Switch:
                await dying.KillSwitchAsync();
                break;
            default:
                dying.KillProcessOf(hosts.MachineId);
                break;
        }

        held.LetGo();
        await Wait.UntilAsync($"an answer ({where})", () => moving.IsCompleted, TimeSpan.FromMinutes(1.5), () => $"{before.Host.Log}\n--- new host\n{after.Host.Log}");
        var error = await moving;
        await hosts.SettleAsync();
        Assert.True(error is null == (hosts.Here == after), $"{where}: the machine is at the {(hosts.Here == after ? "new" : "old")} host, and the answer was {error?.ToJsonString()}");

        // Its host notices that its process has died a moment later.
        await Wait.UntilAsync($"its state ({where})", async () => (await hosts.StateAsync() == "Running") == (hosts.Here.ProcessOf(hosts.MachineId) is not null));
        var state = await hosts.StateAsync();
        Assert.True(state == "Running" || (victim == Victim.Machine && state == "Off"), $"{where}: {state}; {error?.ToJsonString()}");
        await hosts.ExpectAsync();
    }
}
