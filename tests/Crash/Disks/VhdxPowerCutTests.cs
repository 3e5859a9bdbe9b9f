using Vireo.Disks.Vhdx;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// A guest writes, zeroes, trims and flushes, and now and then the image is resized or compacted; then, for moments of the recorded history,
/// the power is cut or the process killed, the image is checked, opened and compared with what the guest may find.
/// </summary>
public sealed class VhdxPowerCutTests(ITestOutputHelper output)
{
    private const int ManyCuts = 100_000;
    private const int CutsInARound = 1000;
    private const int CutsForAPeer = 100;

    // In one page of the block table, with a file that grows until the end; in several; and in several chunks, whose bitmaps are looked up in
    // pages of their own.
    private static readonly Dictionary<string, VhdxGuestPlan> s_plans = new(StringComparer.Ordinal)
    {
        ["growing"] = new(HasParent: false, [.. Enumerable.Range(0, 24)], Steps: 60, FlushPercent: 25),
        ["several pages"] = new(HasParent: false, [0, 1, 511, 512, 1500, 4095, 4096], Steps: 150, FlushPercent: 10),
        ["full log"] = new(HasParent: false, [0, 600, 1200, 4097], Steps: 900, FlushPercent: 1),
        ["maintained"] = new(HasParent: false, [0, 1, 2, 3, 700, 701], Steps: 60, FlushPercent: 10, MaintenancePercent: 20),
        ["child"] = new(HasParent: true, [0, 1, 512, 4095, 4096, 8192, 12800, 16384], Steps: 120, FlushPercent: 10),
        ["maintained child"] = new(HasParent: true, [0, 1, 2, 4096], Steps: 60, FlushPercent: 10, MaintenancePercent: 20),

        // Blocks of 2 MB and bitmaps of 1 MB between them: gaps that hold no block, so that compacting would like to use places just left.
        ["large blocks"] = new(HasParent: true, [0, 1, 2, 3, 4, 2048, 2049, 4096, 4097, 6144], Steps: 160, FlushPercent: 5, MaintenancePercent: 40, BlockMegabytes: 2),
    };

    public static TheoryData<string> Plans => [.. s_plans.Keys];

    [Theory]
    [Requirement("VD-3")]
    [MemberData(nameof(Plans))]
    public async Task PowerCutAnywhere_LeavesAWholeImage_WithEverythingThatWasFlushed(string plan) => await CutAsync(plan, 600, TestSeed.Next());

    [Fact]
    [Requirement("VD-3")]
    [Trait("Category", "Long")]
    public async Task AHundredThousandPowerCuts_LeaveWholeImages()
    {
        // Each guest works and is cut on one processor.
        var cuts = 0;
        await Parallel.ForEachAsync(Rounds(), async (round, _) => Interlocked.Add(ref cuts, await CutAsync(round.Plan, CutsInARound, TestSeed.Next() + round.Number)));
        output.WriteLine($"{cuts} power cuts");
        Assert.True(cuts >= ManyCuts);

        static IEnumerable<(string Plan, int Number)> Rounds() =>
            Enumerable.Range(0, (ManyCuts / CutsInARound / s_plans.Count) + 1).SelectMany(_ => s_plans.Keys).Select((plan, number) => (plan, number));
    }

    [Theory]
    [Requirement("VD-3")]
    [InlineData("growing")]
    [InlineData("child")]
    public async Task KillAnywhere_LosesNothingThatCompleted(string plan)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var guest = await VhdxGuest.RunAsync(s_plans[plan] with { Trims = false }, random);
        for (var count = 0; count <= guest.Disk.History.Count; count++)
        {
            if (random.Next(100) >= 25)
            {
                continue;
            }

            var when = $"seed {seed}, kill before change {count} of {guest.Disk.History.Count}";
            var model = guest.ModelAt(count);
            model.Possible.CheckNewest(await guest.ReadAllAsync(PowerCut.Kill(guest.Disk, count), isReadOnly: random.Next(2) == 0, when), model.Before, when);
        }
    }

    private async Task<int> CutAsync(string plan, int cuts, int seed)
    {
        output.WriteLine($"seed {seed} ({plan})");
        var random = new Random(seed);
        var guest = await VhdxGuest.RunAsync(s_plans[plan], random);
        var history = guest.Disk.History;
        var cut = new PowerCut(guest.Disk);
        using var folder = new TempFolder();
        var done = 0;

        // Half of the cuts come right before a flush ends, when most is at stake.
        var flushes = Enumerable.Range(0, history.Count).Where(i => history[i].Kind == ChangeKind.Flush).ToArray();
        foreach (var count in Enumerable.Range(0, cuts).Select(i => i % 2 == 0 ? flushes[random.Next(flushes.Length)] : random.Next(history.Count + 1)).Order())
        {
            done++;
            var when = $"seed {seed} ({plan}), cut before change {count} of {history.Count}";
            var model = guest.ModelAt(count);
            var left = cut.Cut(count, random);
            var report = VhdxChecker.Check(new SimulatedDisk(left, isReadOnly: true), CancellationToken.None);
            Assert.True(report.IsSound, $"{when}: {string.Join("; ", report.Findings.Select(static finding => finding.Message))}");
            model.Possible.CheckPossible(await guest.ReadAllAsync(left, isReadOnly: true, when), when + ", read-only");

            // Opening for writing replays the log on disk; the power may go again while it does.
            var second = new SimulatedDisk(left);
            await guest.Open(second, when).DisposeAsync();
            var again = new PowerCut(second).Cut(random.Next(second.History.Count + 1), random);
            model.Possible.CheckPossible(await guest.ReadAllAsync(again, isReadOnly: false, when), when + ", cut again during replay");
            if (!s_plans[plan].HasParent && done % CutsForAPeer == 0)
            {
                second.Now.Save(folder["cut.vhdx"]);
                Peer.Run("qemu-img", "check", "-f", "vhdx", folder["cut.vhdx"]);
            }
        }

        return done;
    }
}
