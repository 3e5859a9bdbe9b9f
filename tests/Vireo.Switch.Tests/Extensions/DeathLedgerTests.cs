using Vireo.Switch.Extensions;
using Vireo.Switch.Extensions.Deaths;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Extensions;

/// <summary>To whom deaths of the plane are put down.</summary>
public sealed class DeathLedgerTests : IDisposable
{
    private static readonly DateTimeOffset s_begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly TempFolder _folder = new();
    private readonly ExtensionPackage _first = Package("first");
    private readonly ExtensionPackage _last = Package("last");

    private string Ledger => Path.Combine(_folder.Path, "deaths.json");

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("SW-10")]
    public void Whoever_a_thread_was_inside_of_is_guilty_at_the_third_death()
    {
        Assert.Empty(Add(0, _first));
        Assert.Empty(Add(1, _first));
        var guilty = Assert.Single(Add(2, _first));
        Assert.Equal((_first.Manifest.Id, "1.0.0", false), (guilty.Failure.ExtensionId, guilty.Failure.Version, guilty.IsDescribing));
    }

    [Fact]
    [Requirement("SW-10")]
    public void Deaths_that_lie_far_apart_do_not_add_up()
    {
        for (var minute = 0; minute < 30; minute += 3)
        {
            Assert.Empty(Add(minute, _first));
        }
    }

    [Fact]
    [Requirement("SW-10")]
    public void Where_nobody_was_inside_the_last_installed_goes_then_the_next()
    {
        for (var times = 1; times < DeathLedger.OutsideMax; times++)
        {
            Assert.Empty(Add(0, null));
        }

        Assert.Equal(_last.Manifest.Id, Assert.Single(Add(0, null)).Failure.ExtensionId);
        for (var times = 1; times < DeathLedger.OutsideMax; times++)
        {
            Assert.Empty(new DeathLedger(Ledger).Add(Death(1, null, [_first]), [_last, _first]));
        }

        Assert.Equal(_first.Manifest.Id, Assert.Single(new DeathLedger(Ledger).Add(Death(1, null, [_first]), [_last, _first])).Failure.ExtensionId);
    }

    [Fact]
    [Requirement("SW-10")]
    public void Whoever_is_forgiven_has_all_tries_again()
    {
        Add(0, _first);
        Add(0, _first);
        new DeathLedger(Ledger).Forgive(_first.Manifest.Id);
        Assert.Empty(Add(0, _first));
        Assert.Empty(Add(0, _first));
        Assert.Single(Add(0, _first));
    }

    [Fact]
    [Requirement("SW-10")]
    public void A_damaged_ledger_is_begun_anew()
    {
        File.WriteAllText(Ledger, "{ no");
        Assert.NotNull(new DeathLedger(Ledger).Fault);
        Assert.Empty(Add(0, _first));
        Assert.Null(new DeathLedger(Ledger).Fault);
    }

    [Fact]
    [Requirement("SW-10")]
    public void A_record_tells_who_was_inside_and_forgets_those_that_ended_in_order()
    {
        var path = Path.Combine(_folder.Path, "inside");
        var (record, death) = InsideRecord.Begin(path, s_begin);
        Assert.Null(death);
        var home = Guid.NewGuid();
        var mark = record.Watch(_first.Manifest, home);
        record.Watch(_last.Manifest, Guid.Empty).EnterCall();
        var left = record.Watch(Package("left").Manifest, home);
        left.EnterFrame();
        record.Forget(left);
        mark.EnterFrame();
        mark.LeaveFrame();
        mark.EnterCall();
        mark.EnterCall();
        mark.LeaveCall();

        // The process goes without a word.
        (record, death) = InsideRecord.Begin(path, s_begin);
        Assert.Equal([new(_first.Manifest.Id, "1.0.0", false, true), new(_last.Manifest.Id, "1.0.0", true, true)], death!.Suspects);
        record.Watch(_first.Manifest, home);
        (record, death) = InsideRecord.Begin(path, s_begin);
        Assert.False(Assert.Single(death!.Suspects).IsInside);
        record.Watch(_first.Manifest, home).EnterFrame();
        record.End();
        Assert.Null(InsideRecord.Begin(path, s_begin).Death);
        File.WriteAllBytes(path, [1, 2, 3]);
        Assert.Null(InsideRecord.Begin(path, s_begin).Death);
    }

    // Each death is seen by another process, which reads the ledger anew.
    private IReadOnlyList<GuiltyExtension> Add(int minute, ExtensionPackage? inside) => new DeathLedger(Ledger).Add(Death(minute, inside, [_first, _last]), [_last, _first]);

    private static PlaneDeath Death(int minute, ExtensionPackage? inside, ExtensionPackage[] running) =>
        new(s_begin.AddMinutes(minute), [.. running.Select(one => new Suspect(one.Manifest.Id, "1.0.0", false, one == inside))]);

    private static ExtensionPackage Package(string name) => new(new ExtensionManifest { Id = Guid.NewGuid(), Name = name, Version = "1.0.0" }, "/nowhere", isOwn: true);
}
