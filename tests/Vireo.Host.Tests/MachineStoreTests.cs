using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>What one machine left behind keeps no other from being managed.</summary>
public sealed class MachineStoreTests : IDisposable
{
    private readonly TempFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    [Requirement("IM-4")]
    public async Task What_cannot_be_undone_is_told_and_tried_again()
    {
        var store = new MachineStore(_state.Path);
        store.Load(Unreadable);
        var machine = new VirtualMachineConfiguration
        {
            Id = Guid.NewGuid(),
            Name = "web",
            Generation = 2,
            CreationTime = DateTimeOffset.UnixEpoch,
            Path = _state["vm"],
            SnapshotFileLocation = _state["vm"],
            SmartPagingFilePath = _state["vm"],
        };
        await store.CreateAsync(machine, null, () => Task.CompletedTask);
        var intent = Path.Combine(_state["intents"], $"{Guid.NewGuid():D}.json");
        await File.WriteAllTextAsync(intent, "{ \"configurationFile\": ");

        List<string> told = [];
        Assert.Equal(machine.Id, Assert.Single(new MachineStore(_state.Path).Load((_, reason) => told.Add(reason))).Id);
        Assert.Contains(intent, Assert.Single(told), StringComparison.Ordinal);
        Assert.True(File.Exists(intent), "It is tried again.");
    }

    private static void Unreadable(Guid id, string reason) => Assert.Fail(reason);
}
