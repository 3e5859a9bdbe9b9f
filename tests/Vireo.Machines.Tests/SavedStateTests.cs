using System.Buffers.Binary;
using System.Text.Json;
using Vireo.Machines.Devices;
using Vireo.Machines.Running;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A saved state may come from elsewhere: its header is read within bounds, or refused.</summary>
public sealed class SavedStateTests
{
    private static readonly SavedStateHeader s_header = new(
        Guid.NewGuid(), "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b1)", "pc-q35-7.2", DeviceSlots.Plan(2, ["nic-0", "disk-0"]),
        new MemoryLayout { GrowthBytes = 1L << 30, Nodes = [new(1L << 30, 2, 0, true)], Sockets = 2 }, 1L << 30);

    [Fact]
    [Requirement("VM-2")]
    public void A_header_is_read_as_it_was_written() =>
        Assert.Equal(JsonSerializer.Serialize(s_header, MachineJson.Default.SavedStateHeader), JsonSerializer.Serialize(Read(s_header), MachineJson.Default.SavedStateHeader));

    [Fact]
    public void What_is_out_of_bounds_is_refused()
    {
        var places = s_header.Slots.Places;
        SavedStateHeader[] hostile =
        [
            s_header with { MachineType = new string('a', 101) },
            s_header with { MachineType = "pc\u2028" },
            s_header with { MachineType = "" },
            s_header with { QemuVersion = null! },
            s_header with { QemuVersion = "ä" },
            s_header with { Slots = null! },
            s_header with { Slots = s_header.Slots with { Places = null! } },
            s_header with { Slots = s_header.Slots with { Ports = int.MaxValue } },
            s_header with { Slots = s_header.Slots with { Ports = -1 } },
            s_header with { Slots = s_header.Slots with { Places = new Dictionary<string, int> { ["nic-0"] = int.MaxValue } } },
            s_header with { Slots = s_header.Slots with { Places = new Dictionary<string, int> { ["nic,\u00e4"] = 1 } } },
            s_header with { Slots = s_header.Slots with { Places = Enumerable.Range(0, 257).ToDictionary(number => $"d{number}", _ => 1) } },
            s_header with { AssignedBytes = -1 },
            s_header with { AssignedBytes = long.MaxValue },
            s_header with { Memory = new() { GrowthBytes = long.MaxValue } },
            s_header with { Memory = new() { GrowthBytes = 4096 } },
            s_header with { Memory = new() { Sockets = 0 } },
            s_header with { Memory = new() { ThreadsPerCore = 1 << 30 } },
            s_header with { Memory = new() { Nodes = null! } },
            s_header with { Memory = new() { Nodes = [null!] } },
            s_header with { Memory = new() { Nodes = [new(-1, 1)] } },
            s_header with { Memory = new() { Nodes = [new(1, 1, -1)] } },
            s_header with { Memory = new() { Nodes = [.. Enumerable.Repeat(new GuestNumaNode(1, 1), 65)] } },
        ];
        Assert.Equal(2, places.Count);
        Assert.All(hostile, header => Assert.Throws<InvalidDataException>(() => Read(header)));
    }

    [Fact]
    [Requirement("IM-3")]
    public void Devices_that_would_get_the_same_name_are_refused()
    {
        using var folder = new TempFolder();
        Guid old = Guid.NewGuid(), now = Guid.NewGuid();
        var header = s_header with { Slots = s_header.Slots with { Places = new Dictionary<string, int> { [$"disk-{old:N}"] = 1, [$"disk-{now:N}"] = 2 } } };
        SavedState.Create(folder["a.state"], header).Dispose();
        var refused = Assert.Throws<MachineException>(() => SavedStateFile.Rename(folder["a.state"], new Dictionary<Guid, Guid> { [old] = now }));
        Assert.Contains(folder["a.state"], refused.Message, StringComparison.Ordinal);
        SavedStateFile.Rename(folder["a.state"], new Dictionary<Guid, Guid> { [old] = Guid.NewGuid() });
        Assert.Null(SavedStateFile.Problem(folder["a.state"]));
    }

    private static SavedStateHeader Read(SavedStateHeader header)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(header, MachineJson.Default.SavedStateHeader);
        var block = new byte[SavedState.StreamOffset];
        "VIREOSAV"u8.CopyTo(block);
        BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(12), json.Length);
        json.CopyTo(block, 16);
        return SavedState.Parse(block);
    }
}
