using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests.Transfers;

/// <summary>What an import that fails leaves: nothing of its own, and everything of others.</summary>
public sealed class ImportJournalTests : IDisposable
{
    private readonly TempFolder _root = new();
    private readonly MachineStore _store;

    public ImportJournalTests()
    {
        _store = new MachineStore(_root["state"]);
        Assert.Empty(_store.Load((_, reason) => Assert.Fail(reason)));
    }

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("IM-4")]
    public async Task A_file_that_somebody_made_meanwhile_under_a_copys_name_stays(bool isHostKilled)
    {
        var (disk, state) = (_root["disks/data.vhdx"], _root["disks/web.state"]);
        var failure = await Assert.ThrowsAsync<IOException>(() => ImportAsync(_store, journal =>
        {
            Make(journal, state, "own");
            var made = journal.Making(disk);
            Assert.Equal(".vhdx", Path.GetExtension(made));
            Assert.Equal(_root["disks"], Path.GetDirectoryName(made));
            File.WriteAllText(made, "own");
            File.WriteAllText(disk, "stranger");
            if (isHostKilled)
            {
                // What is on disk at this moment is what the next start finds.
                Peer.Run("cp", "-a", _root["state"], _root["killed"]);
            }

            journal.Made(disk, made);
            return Task.CompletedTask;
        }));
        Assert.Contains($"'{disk}' exists already", failure.Message, StringComparison.Ordinal);
        Assert.Equal("stranger", await File.ReadAllTextAsync(disk));
        Assert.Equal([disk], Directory.EnumerateFileSystemEntries(_root["disks"]));
        if (isHostKilled)
        {
            await File.WriteAllTextAsync(state, "stranger");
            new MachineStore(_root["killed"]).Load((_, reason) => Assert.Fail(reason));
            Assert.Equal("stranger", await File.ReadAllTextAsync(disk));
            Assert.Equal("stranger", await File.ReadAllTextAsync(state));
            Assert.Empty(Directory.EnumerateFiles(_root["killed/intents"]));
        }
    }

    [Fact]
    [Requirement("IM-4")]
    public async Task Everything_that_an_import_made_is_gone_when_it_fails()
    {
        await Assert.ThrowsAsync<InvalidDataException>(() => ImportAsync(_store, journal =>
        {
            Make(journal, _root["disks/deep/data.vhdx"], "own");
            File.WriteAllText(journal.Making(_root["disks/deep/other.vhdx"]), "half");
            throw new InvalidDataException();
        }));
        Assert.False(Directory.Exists(_root["disks"]));
        Assert.Empty(Directory.EnumerateFiles(_root["state/intents"]));
    }

    [Fact]
    [Requirement("IM-4")]
    public async Task A_file_that_is_there_is_not_replaced()
    {
        Directory.CreateDirectory(_root["disks"]);
        await File.WriteAllTextAsync(_root["disks/web.state"], "stranger");
        await Assert.ThrowsAsync<IOException>(() => ImportAsync(_store, journal =>
        {
            Make(journal, _root["disks/web.state"], "own");
            return Task.CompletedTask;
        }));
        Assert.Equal("stranger", await File.ReadAllTextAsync(_root["disks/web.state"]));
    }

    [Theory]
    [InlineData("vm")]
    [InlineData("elsewhere")]
    [Requirement("IM-4")]
    public async Task An_import_in_the_place_of_a_machine_that_cannot_be_read_is_undone_like_any_other(string folder)
    {
        var old = Machine(_root["vm"]);
        await _store.CreateAsync(old, null, () => Task.CompletedTask);
        var broken = MachineStore.ConfigurationFile(old);
        await File.WriteAllTextAsync(broken, "{");
        var store = new MachineStore(_root["state"]);
        Assert.Empty(store.Load((id, _) => Assert.Equal(old.Id, id)));
        Assert.Equal(broken, store.RegisteredFile(old.Id));
        Assert.Null(store.RegisteredFile(Guid.NewGuid()));

        var restored = Machine(_root[folder]) with { Id = old.Id };
        await Assert.ThrowsAsync<InvalidDataException>(() => store.ImportAsync(restored, journal =>
        {
            Make(journal, _root["disks/data.vhdx"], "own");

            // Killed here, the next start finds this.
            Peer.Run("cp", "-a", _root["state"], _root["killed"]);
            throw new InvalidDataException();
        }));
        Assert.False(Directory.Exists(_root["disks"]));
        Assert.Equal("{", await File.ReadAllTextAsync(broken));
        Assert.Equal(broken, store.RegisteredFile(old.Id));

        Directory.CreateDirectory(_root["disks"]);
        await File.WriteAllTextAsync(_root["disks/data.vhdx"], "stranger");
        Assert.Empty(new MachineStore(_root["killed"]).Load((id, _) => Assert.Equal(old.Id, id)));
        Assert.Equal("{", await File.ReadAllTextAsync(broken));
        Assert.Equal("stranger", await File.ReadAllTextAsync(_root["disks/data.vhdx"]));
        Assert.Empty(Directory.EnumerateFiles(_root["killed/intents"]));

        await store.ImportAsync(restored, _ => Task.CompletedTask);
        Assert.Equal(restored.Id, Assert.Single(new MachineStore(_root["state"]).Load((_, reason) => Assert.Fail(reason))).Id);
    }

    private static void Make(ImportJournal journal, string path, string content)
    {
        var made = journal.Making(path);
        File.WriteAllText(made, content);
        journal.Made(path, made);
    }

    private Task ImportAsync(MachineStore store, Func<ImportJournal, Task> makeFiles) => store.ImportAsync(Machine(_root["vm"]), makeFiles);

    private static VirtualMachineConfiguration Machine(string folder) => new()
    {
        Id = Guid.NewGuid(),
        Name = "web",
        Generation = 1,
        CreationTime = DateTimeOffset.UnixEpoch,
        Path = folder,
        SnapshotFileLocation = folder,
        SmartPagingFilePath = folder,
    };
}
