using Vireo.Platform.Processes;
using Vireo.Testing;

namespace Vireo.Platform.Tests.Processes;

/// <summary>The files of a group in trees that look like the kernel's; a guest's kernel is asked in the machines' tests.</summary>
public sealed class ControlGroupTests : IDisposable
{
    private readonly TempFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    [Requirement("VM-3")]
    public void The_unified_hierarchy_hands_its_controllers_down()
    {
        File.WriteAllText(_root["cgroup.controllers"], "cpuset cpu io memory pids\n");
        var group = ControlGroup.Create("vm-1", [Mount("cgroup2", "rw,nsdelegate")], ["0::/system.slice/vireo.service"]);
        group.SetProcessors(weight: 200, most: 1.5);

        Assert.Null(group.Unavailable);
        Assert.Equal([_root["vireo.slice/vm-1"]], group.Folders);
        Assert.Equal("200", File.ReadAllText(_root["vireo.slice/vm-1/cpu.weight"]));
        Assert.Equal("150000 100000", File.ReadAllText(_root["vireo.slice/vm-1/cpu.max"]));
        group.SetProcessors(weight: 100, most: null);
        Assert.Equal("max 100000", File.ReadAllText(_root["vireo.slice/vm-1/cpu.max"]));
    }

    [Fact]
    [Requirement("VM-3")]
    public void A_controller_that_the_kernel_lacks_is_not_asked_for()
    {
        File.WriteAllText(_root["cgroup.controllers"], "memory\n");
        var group = ControlGroup.Create("vm-1", [Mount("cgroup2", "rw")], ["0::/"]);
        group.SetProcessors(weight: 200, most: 1.5);

        Assert.Null(group.Unavailable);
        Assert.Equal("+memory", File.ReadAllText(_root["cgroup.subtree_control"]));
        Assert.Equal("+memory", File.ReadAllText(_root["vireo.slice/cgroup.subtree_control"]));
        Assert.False(File.Exists(_root["vireo.slice/vm-1/cpu.weight"]));
    }

    [Fact]
    [Requirement("VM-3")]
    public void A_version_one_group_lies_below_our_own()
    {
        var group = ControlGroup.Create("vm-1", [Mount("cgroup", "rw,cpu,cpuacct")], ["4:cpu,cpuacct:/limited", "1:name=systemd:/"]);
        group.SetProcessors(weight: 50, most: 2);

        Assert.Null(group.Unavailable);
        Assert.Equal([_root["limited/vireo/vm-1"]], group.Folders);
        Assert.Equal("512", File.ReadAllText(_root["limited/vireo/vm-1/cpu.shares"]));
        Assert.Equal("200000", File.ReadAllText(_root["limited/vireo/vm-1/cpu.cfs_quota_us"]));
    }

    [Fact]
    [Requirement("VM-3")]
    public void Without_a_hierarchy_it_says_so_and_nothing_fails()
    {
        File.WriteAllText(_root["cgroup.controllers"], "hugetlb\n");
        var group = ControlGroup.Create("vm-1", [Mount("cgroup2", "rw"), "broken line"], []);
        group.SetProcessors(weight: 50, most: 2);

        Assert.Contains("controller", group.Unavailable, StringComparison.Ordinal);
        Assert.Empty(group.Folders);
        Assert.True(group.TryRemove());
    }

    [Fact]
    [Requirement("DM-4")]
    public void Memory_is_limited_without_ending_anybody()
    {
        File.WriteAllText(_root["cgroup.controllers"], "memory\n");
        var group = ControlGroup.Create("vm-1", [Mount("cgroup2", "rw")], ["0::/"]);
        Assert.Null(group.MemoryBytes);
        foreach (var file in new[] { "memory.max", "memory.high", "memory.current" })
        {
            File.WriteAllText(_root[$"vireo.slice/vm-1/{file}"], "4096\n");
        }

        group = ControlGroup.Find([.. group.Folders]);
        group.SetMemory(1 << 20);
        Assert.Equal(4096, group.MemoryBytes);
        Assert.Equal("1048576", File.ReadAllText(_root["vireo.slice/vm-1/memory.high"]));
        Assert.Equal("4096\n", File.ReadAllText(_root["vireo.slice/vm-1/memory.max"]));
        group.SetMemory(null);
        Assert.Equal("max", File.ReadAllText(_root["vireo.slice/vm-1/memory.high"]));

        var old = ControlGroup.Create("vm-2", [Mount("cgroup", "rw,memory")], ["4:memory:/"]);
        File.WriteAllText(_root["vireo/vm-2/memory.usage_in_bytes"], "8192\n");
        old.SetMemory(1 << 20);
        Assert.Equal(8192, old.MemoryBytes);
        Assert.Equal(("1048576", "1", "100"), (File.ReadAllText(_root["vireo/vm-2/memory.limit_in_bytes"]), File.ReadAllText(_root["vireo/vm-2/memory.oom_control"]), File.ReadAllText(_root["vireo/vm-2/memory.swappiness"])));
        old.SetMemory(null);
        Assert.Equal(("-1", "0"), (File.ReadAllText(_root["vireo/vm-2/memory.limit_in_bytes"]), File.ReadAllText(_root["vireo/vm-2/memory.oom_control"])));
        Assert.Throws<IOException>(() => ControlGroup.Find([]).SetMemory(1));
    }

    private string Mount(string type, string options) => $"30 24 0:26 / {_root.Path} rw,nosuid - {type} {type} {options}";
}
