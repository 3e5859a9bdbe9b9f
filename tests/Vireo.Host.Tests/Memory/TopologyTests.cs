using Vireo.Commands.Framework;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Machines.Processors;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Host.Tests.Memory;

/// <summary>Topologies of guests on hosts that the test makes up, and shares of their processors.</summary>
public sealed class TopologyTests(ITestOutputHelper output)
{
    private const long Gigabyte = 1 << 30;

    [Fact]
    [Requirement("VM-4")]
    public void A_guest_has_the_hosts_topology_its_own_or_none()
    {
        var host = Host(nodes: 4, processorsPerNode: 8, gigabytesPerNode: 64, sockets: 2);
        var small = MemoryLayouts.Plan(Machine(4, 8), host, spanning: true);
        Assert.Equal(1, GuestTopology.NodeCount(small));
        var wide = MemoryLayouts.Plan(Machine(20, 8), host, spanning: true);
        Assert.Equal([6, 7, 7], wide.Nodes.Select(node => node.Processors).Order());
        Assert.Equal(8 * Gigabyte, wide.Nodes.Sum(node => node.Bytes));
        Assert.Equal(2, wide.Sockets);
        Assert.Equal([0, 1, 2], wide.Nodes.Select(node => node.HostNode!.Value).Order());
        Assert.Equal(3, GuestTopology.NodeCount(MemoryLayouts.Plan(Machine(8, 150), host, spanning: true)));

        var chosen = Machine(8, 8);
        chosen = chosen with { Processor = chosen.Processor with { MaximumCountPerNumaNode = 2, MaximumCountPerNumaSocket = 1 } };
        var explicitly = MemoryLayouts.Plan(chosen, host, spanning: true);
        Assert.Equal((4, 4), (explicitly.Nodes.Count, explicitly.Sockets));
        var byMemory = Machine(8, 8);
        byMemory = byMemory with { Memory = byMemory.Memory with { MaximumPerNumaNodeBytes = 3 * Gigabyte } };
        Assert.Equal(3, GuestTopology.NodeCount(MemoryLayouts.Plan(byMemory, host, spanning: true)));

        // Flat, and with all of the host to grow into.
        var dynamic = chosen with { Memory = chosen.Memory with { DynamicMemoryEnabled = true } };
        var flat = MemoryLayouts.Plan(dynamic, host, spanning: true);
        Assert.Empty(flat.Nodes);
        Assert.Equal((256 - 8) * Gigabyte, flat.GrowthBytes);
    }

    [Fact]
    [Requirement("VM-4")]
    public void A_node_that_may_not_span_fits_a_node_of_the_host_or_the_start_is_refused()
    {
        var host = Host(nodes: 2, processorsPerNode: 8, gigabytesPerNode: 64, sockets: 2);
        var machine = Machine(4, 60);
        machine = machine with { Memory = machine.Memory with { MaximumPerNumaNodeBytes = 60 * Gigabyte } };
        Assert.All(MemoryLayouts.Plan(machine, host, spanning: false).Nodes, node => Assert.True(node is { IsBound: true, HostNode: not null }));
        host = host with { Nodes = [.. host.Nodes.Select(node => node with { FreeBytes = 40 * Gigabyte })] };
        var refused = Assert.Throws<CommandException>(() => MemoryLayouts.Plan(machine, host, spanning: false));
        Assert.Contains("NumaSpanningEnabled", refused.Message, StringComparison.Ordinal);
        Assert.All(MemoryLayouts.Plan(machine, host, spanning: true).Nodes, node => Assert.Null(node.HostNode));
    }

    [Fact]
    [Requirement("VM-4")]
    public void Every_layout_adds_up()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 5000; round++)
        {
            var host = Host(random.Next(1, 9), random.Next(1, 41), random.Next(1, 513), random.Next(1, 9));
            var machine = Machine(random.Next(1, 65), 1);
            machine = machine with
            {
                Memory = machine.Memory with
                {
                    StartupBytes = random.Next(16, 1 << 19) * MemoryLayout.StepBytes,
                    DynamicMemoryEnabled = random.Next(4) == 0,
                    MaximumPerNumaNodeBytes = random.Next(2) == 0 ? null : random.Next(16, 1 << 19) * MemoryLayout.StepBytes,
                },
                Processor = machine.Processor with
                {
                    MaximumCountPerNumaNode = random.Next(2) == 0 ? null : random.Next(1, 65),
                    MaximumCountPerNumaSocket = random.Next(2) == 0 ? null : random.Next(1, 65),
                    ThreadsPerCore = random.Next(0, 5),
                },
            };
            var layout = MemoryLayouts.Plan(machine, host, spanning: true);
            Assert.Equal(0, machine.Processor.Count % (layout.Sockets * layout.ThreadsPerCore));
            if (layout.Nodes.Count > 0)
            {
                Assert.Equal(machine.Memory.StartupBytes, layout.Nodes.Sum(node => node.Bytes));
                Assert.Equal(machine.Processor.Count, layout.Nodes.Sum(node => node.Processors));
                Assert.All(layout.Nodes, node => Assert.True(node is { Bytes: > 0, Processors: > 0 } && node.Bytes % MemoryLayout.StepBytes == 0));
            }
        }
    }

    [Fact]
    [Requirement("VM-4")]
    public void The_hosts_nodes_are_read_from_the_kernel()
    {
        using var folder = new TempFolder();
        for (var node = 0; node < 2; node++)
        {
            Directory.CreateDirectory(folder[$"node/node{node}"]);
            File.WriteAllText(folder[$"node/node{node}/cpulist"], node == 0 ? "0-1,4\n" : "2-3\n");
            File.WriteAllText(folder[$"node/node{node}/meminfo"], $"Node {node} MemTotal:  1000 kB\nNode {node} MemFree:  300 kB\nNode {node} Active(file):  100 kB\nNode {node} Inactive(file): x kB\n");
        }

        Directory.CreateDirectory(folder["cpu"]);
        File.WriteAllText(folder["cpu/online"], "0-4\n");
        for (var processor = 0; processor < 5; processor++)
        {
            Directory.CreateDirectory(folder[$"cpu/cpu{processor}/topology"]);
            File.WriteAllText(folder[$"cpu/cpu{processor}/topology/physical_package_id"], processor is 2 or 3 ? "1\n" : "0\n");
            File.WriteAllText(folder[$"cpu/cpu{processor}/topology/thread_siblings_list"], "0,4\n");
        }

        var read = NumaTopology.Read(folder.Path);
        Assert.Equal((2, 2), (read.Sockets, read.ThreadsPerCore));
        Assert.Equal([0, 1, 4], read.Nodes[0].Processors);
        Assert.Equal((1, 1000 << 10, 350 << 10), (read.Nodes[1].Id, read.Nodes[1].TotalBytes, read.Nodes[1].FreeBytes));
        Assert.Equal([1, 2], NumaTopology.ParseList("1-2,x,5-3,7-,99999999999"));

        // This computer's own: what its processors and memory are.
        var here = NumaTopology.Read();
        Assert.Equal(Environment.ProcessorCount, here.Nodes.Sum(node => node.Processors.Count));
        Assert.InRange(here.Nodes.Sum(node => node.TotalBytes), MemoryReading.Now().Total * 0.98, MemoryReading.Now().Total * 1.02);
    }

    [Fact]
    [Requirement("VM-3")]
    public void Weights_keep_every_reserve()
    {
        Assert.Equal([1, 100, 10_000], ProcessorShares.Weights(4, [Claim(1, 0, 0), Claim(1, 0, 100), Claim(64, 0, 20_000)]).Values);
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 2000; round++)
        {
            var capacity = random.Next(1, 129);
            var claims = new List<ProcessorClaim>();
            for (var i = random.Next(1, 20); i > 0; i--)
            {
                var claim = Claim(random.Next(1, Math.Min(64, capacity) + 1), random.Next(0, 101), random.Next(1, 10_001));
                if (ProcessorShares.Unreserved(capacity, [.. claims, claim]) >= 0)
                {
                    claims.Add(claim);
                }
            }

            var weights = ProcessorShares.Weights(capacity, claims);
            double all = weights.Values.Sum();
            foreach (var claim in claims)
            {
                // What the kernel gives it when everybody wants all; weights are whole numbers.
                var gets = capacity * weights[claim.Id] / all;
                Assert.True(gets >= claim.Reserved - (capacity * 2 * claims.Count / all) - 0.001, $"{claim} gets {gets} of {capacity}");
            }
        }

        static ProcessorClaim Claim(int processors, int reserve, int weight) => new(Guid.NewGuid(), processors, reserve, weight);
    }

    [Fact]
    [Requirement("VM-4")]
    public void The_kernels_figures_of_nodes_are_read()
    {
        var places = HostNumaService.ReadPlaces(
        [
            "7f0 default file=/memfd:memory-backend-memfd\\040(deleted) dirty=10 N0=10 N1=3 kernelpagesize_kB=4", "7f1 default anon=5 N0=5 kernelpagesize_kB=4",
            "7f2 bind:1 file=/memfd:x N1=2 kernelpagesize_kB=2048", "7f3 file=/memfd:y Nx=1 N1=z N=",
        ]);
        Assert.Equal(10 * 4096, places[0]);
        Assert.Equal((3 * 4096) + (2 * 2048 << 10), places[1]);
        var times = HostNumaService.ReadTimes(["cpu  1 1 1 1 1 1 1 1 0 0", "cpu0 10 0 10 70 10 0 0 0 0 0", "cpux", "intr 1"]);
        Assert.Equal((80, 100), Assert.Single(times).Value);
    }

    private static VirtualMachineConfiguration Machine(int processors, long gigabytes) => new()
    {
        Id = Guid.NewGuid(),
        Name = "machine",
        Generation = 2,
        CreationTime = DateTimeOffset.UnixEpoch,
        Path = "/vm",
        SnapshotFileLocation = "/vm",
        SmartPagingFilePath = "/vm",
        Memory = new() { StartupBytes = gigabytes * Gigabyte },
        Processor = new() { Count = processors },
    };

    private static NumaTopology Host(int nodes, int processorsPerNode, long gigabytesPerNode, int sockets) => new(
        [.. Enumerable.Range(0, nodes).Select(id => new NumaNode(id, [.. Enumerable.Range(id * processorsPerNode, processorsPerNode)], gigabytesPerNode * Gigabyte, gigabytesPerNode * Gigabyte))],
        sockets, 1);
}
