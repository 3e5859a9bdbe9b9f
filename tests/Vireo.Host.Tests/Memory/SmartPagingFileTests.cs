using System.Runtime.InteropServices;
using Vireo.Host.Machines.Memory;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Memory;
using Vireo.Platform.Processes;
using Vireo.Testing;

namespace Vireo.Host.Tests.Memory;

/// <summary>
/// A smart paging file and the kernel: the memory of a guest that is no guest, in a control group of its own, written to by somebody who is not in
/// it, as the planes are.
/// </summary>
public sealed class SmartPagingFileTests : IDisposable
{
    private const long Megabyte = 1 << 20;
    private const long Startup = 96 * Megabyte;
    private const long Physical = 32 * Megabyte;
    private readonly TempFolder _folder = new();
    private readonly ControlGroup _group = ControlGroup.Create($"vm-{Guid.NewGuid():N}");
    private readonly List<(string Kind, string Message)> _told = [];
    private readonly VirtualMachineConfiguration _machine;

    public SmartPagingFileTests() => _machine = new()
    {
        Id = Guid.NewGuid(),
        Name = "machine",
        Generation = 1,
        CreationTime = DateTimeOffset.UnixEpoch,
        Path = _folder.Path,
        SnapshotFileLocation = _folder.Path,
        SmartPagingFilePath = _folder["paging"],
        Memory = new() { StartupBytes = Startup, MinimumBytes = Physical, DynamicMemoryEnabled = true },
    };

    public void Dispose()
    {
        foreach (var left in PagingFile.List().Where(one => one.Path.StartsWith(_folder.Path, StringComparison.Ordinal)))
        {
            PagingFile.TurnOff(left.Path);
        }

        _group.TryRemove();
        _folder.Dispose();
    }

    [FactNeeds(Need.PagingFiles)]
    [Requirement("DM-4")]
    public async Task What_a_guest_lacks_is_in_the_file_whoever_writes_it_and_nothing_is_lost()
    {
        using var memory = MemoryFile.CreateSealed("memory-backend-memfd", Startup);
        var place = new MemoryPlace($"/proc/{Environment.ProcessId}/fd/{memory.DangerousGetHandle()}", [.. _group.Folders]);
        using var paging = new SmartPaging(() => place, () => _machine, (kind, message) => _told.Add((kind, message)));
        Assert.False(paging.IsActive);
        await paging.BeginAsync(Physical, default);
        Assert.True(paging.IsActive);
        var file = SmartPaging.PathOf(_machine);
        Assert.Equal(file, Assert.Single(PagingFile.List(), one => one.Path.StartsWith(_folder.Path, StringComparison.Ordinal)).Path);
        Assert.Equal("SmartPagingBegan", Assert.Single(_told).Kind);
        Assert.Equal(Startup, paging.HeldBytes);
        Assert.InRange(_group.MemoryBytes!.Value, 0, Physical + (8 * Megabyte));

        // We are not in the group, and write all of the memory: its limit holds all the same.
        using (var handle = new SafeFileCopy(place.File!))
        {
            handle.Fill(Startup);
            Assert.InRange(_group.MemoryBytes!.Value, 0, Physical + (8 * Megabyte));
            Assert.InRange(PagingFile.List().Single(one => one.Path == file).UsedBytes, Startup - Physical - (16 * Megabyte), Startup);

            // A host that comes after one that died knows what the guest has.
            using var next = new SmartPaging(() => place, () => _machine, (kind, message) => _told.Add((kind, message)));
            Assert.Equal(Physical, next.Recover());
            await next.EndAsync();
            handle.Check(Startup);
        }

        Assert.False(File.Exists(file));
        Assert.DoesNotContain(PagingFile.List(), one => one.Path == file);
        Assert.Equal("SmartPagingEnded", _told[^1].Kind);
    }

    [FactNeeds(Need.PagingFiles)]
    [Requirement("DM-4")]
    public async Task A_file_that_cannot_be_used_leaves_nothing_and_one_that_nobody_needs_goes()
    {
        using var memory = MemoryFile.CreateSealed("memory-backend-memfd", Startup);
        var place = new MemoryPlace(null, [.. _group.Folders]);
        using var paging = new SmartPaging(() => place, () => _machine, (kind, message) => _told.Add((kind, message)));
        await Assert.ThrowsAsync<IOException>(() => paging.BeginAsync(Physical, default));
        Assert.False(paging.IsActive);
        Assert.Empty(Directory.EnumerateFiles(_machine.SmartPagingFilePath));
        Assert.Empty(_told);

        // A host died between two steps, or the computer did.
        PagingFile.Create(SmartPaging.PathOf(_machine), Megabyte, "");
        Assert.Null(paging.Recover());
        Assert.Empty(Directory.EnumerateFiles(_machine.SmartPagingFilePath));
        PagingFile.Create(SmartPaging.PathOf(_machine), Megabyte, "");
        PagingFile.TurnOn(SmartPaging.PathOf(_machine));
        using var gone = new SmartPaging(static () => null, () => _machine, (kind, message) => _told.Add((kind, message)));
        Assert.Null(gone.Recover());
        Assert.Empty(Directory.EnumerateFiles(_machine.SmartPagingFilePath));
        Assert.DoesNotContain(PagingFile.List(), one => one.Path.StartsWith(_folder.Path, StringComparison.Ordinal));
    }

    /// <summary>Memory as somebody else has it mapped.</summary>
    private sealed class SafeFileCopy(string path) : IDisposable
    {
        private const int Page = 4096;
        private readonly FileStream _file = new(path, FileMode.Open, FileAccess.ReadWrite);

        public void Dispose() => _file.Dispose();

        public void Fill(long bytes)
        {
            var page = new byte[Page];
            for (long i = 0; i < bytes / Page; i++)
            {
                MemoryMarshal.Cast<byte, long>(page.AsSpan()).Fill(i * 7);
                _file.Write(page);
            }

            _file.Flush();
        }

        public void Check(long bytes)
        {
            var page = new byte[Page];
            _file.Position = 0;
            for (long i = 0; i < bytes / Page; i++)
            {
                _file.ReadExactly(page);
                Assert.False(MemoryMarshal.Cast<byte, long>(page.AsSpan()).ContainsAnyExcept(i * 7), $"page {i}");
            }
        }
    }
}
