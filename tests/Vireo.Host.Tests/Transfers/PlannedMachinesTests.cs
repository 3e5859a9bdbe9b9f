using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.Transfers;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>Plans of imports are kept as long as somebody may want them, and no longer.</summary>
public sealed class PlannedMachinesTests : IDisposable
{
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    [Requirement("IM-4")]
    public void A_plan_that_is_being_imported_is_neither_changed_nor_dropped_and_does_not_come_back()
    {
        var plans = new PlannedMachines(_root.Path);
        var plan = Plan();
        var id = plan.Machine.Id;
        plans.Add(plan);
        using (plans.Hold(id))
        {
            foreach (var change in new Action[] { () => plans.Change(id, (machine, _) => machine with { Name = "late" }), () => plans.Drop(id), () => plans.Hold(id), () => plans.Add(plan) })
            {
                Assert.Contains("being imported", Assert.Throws<CommandException>(change).Message, StringComparison.Ordinal);
            }

            plans.Complete(id);
        }

        Assert.Empty(plans.All);
        Assert.Throws<CommandException>(() => plans.Change(id, (machine, _) => machine));
        Assert.Empty(new PlannedMachines(_root.Path).All);

        // An import that failed leaves its plan to be changed.
        plans.Add(plan);
        plans.Hold(id).Dispose();
        Assert.Equal("better", plans.Change(id, (machine, _) => machine with { Name = "better" }).Name);
        plans.Drop(id);
        Assert.Empty(Directory.EnumerateFiles(_root["planned"]));
    }

    [Fact]
    [Requirement("IM-4")]
    public void A_plan_of_a_newer_version_is_left_alone_and_a_damaged_one_is_not()
    {
        var plan = Plan();
        new PlannedMachines(_root.Path).Add(plan);
        var file = _root[$"planned/{plan.Machine.Id:D}.json"];
        var text = File.ReadAllText(file);
        var (newer, damaged) = (_root[$"planned/{Guid.NewGuid():D}.json"], _root[$"planned/{Guid.NewGuid():D}.json"]);
        File.WriteAllText(newer, text.Replace("\"formatVersion\": 1", "\"formatVersion\": 99", StringComparison.Ordinal));
        File.WriteAllText(damaged, "{");
        Assert.Equal(plan.Machine.Id, Assert.Single(new PlannedMachines(_root.Path).All).Machine.Id);
        Assert.True(File.Exists(newer));
        Assert.False(File.Exists(damaged));
    }

    private static PlannedImport Plan()
    {
        var id = Guid.NewGuid();
        return new()
        {
            Request = new ImportRequest { Path = "/source/web.json" },
            FinalId = id,
            SourceId = id,
            SourceFolder = "/source",
            SourceSnapshots = "/source",
            Made = DateTimeOffset.UnixEpoch,
            Machine = new()
            {
                Id = id,
                Name = "web",
                Generation = 1,
                CreationTime = DateTimeOffset.UnixEpoch,
                Path = "/source",
                SnapshotFileLocation = "/source",
                SmartPagingFilePath = "/source",
            },
        };
    }
}
