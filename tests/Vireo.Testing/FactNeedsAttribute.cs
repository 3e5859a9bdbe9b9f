using Vireo.Platform.Memory;
using Vireo.Platform.Processes;
using Xunit;

namespace Vireo.Testing;

/// <summary>What a test may need that <c>./test</c> cannot bring to every machine.</summary>
public enum Need
{
    /// <summary><c>pwsh</c> on the path; it is no package of the distributions.</summary>
    PowerShell,

    /// <summary>The user that guests run as, and the right to become it.</summary>
    GuestsUser,

    /// <summary>The right to mount, and a kernel with FUSE and loop devices.</summary>
    HostDevices,

    /// <summary>The right to give the kernel a file to page to, on a file system that has such files, and control groups that count memory.</summary>
    PagingFiles,
}

/// <summary>A test that is left out, and counted as left out, where something is missing that it cannot do without.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FactNeedsAttribute : FactAttribute
{
    private const string GuestsUser = "vireo-vm";
    private static readonly Lazy<string?> s_pagingLack = new(FindPagingLack);

    /// <summary>Says what the test needs.</summary>
    public FactNeedsAttribute(Need need)
    {
        Need = need;

        // Allowed: nobody can install it on every machine that runs the tests; the report names and counts what was left out.
        Skip = Lack(need);
    }

    /// <summary>What it needs.</summary>
    public Need Need { get; }

    /// <summary>The path of <c>pwsh</c>; null when it is not there.</summary>
    public static string? FindPowerShell() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(static folder => Path.Combine(folder, "pwsh")).FirstOrDefault(File.Exists);

    /// <summary>Why what a test needs is not there; null when it is.</summary>
    internal static string? Lack(Need need) => need switch
    {
        Need.PowerShell when FindPowerShell() is null => "PowerShell ('pwsh') is not on the path.",
        Need.GuestsUser when !HasGuestsUser() => $"The tests do not run as root, or there is no user '{GuestsUser}' ('adduser --system --group --no-create-home {GuestsUser}').",
        Need.HostDevices when !Environment.IsPrivilegedProcess || !File.Exists("/dev/fuse") || !File.Exists("/dev/loop-control") =>
            "The tests do not run as root, or the kernel has no FUSE ('/dev/fuse') or no loop devices ('/dev/loop-control').",
        Need.PagingFiles => s_pagingLack.Value,
        _ => null,
    };

    private static string? FindPagingLack()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "The tests do not run as root.";
        }

        using var folder = new TempFolder();
        var file = folder["probe"];
        try
        {
            PagingFile.Create(file, 1 << 20, "");
            PagingFile.TurnOn(file);
            PagingFile.TurnOff(file);
        }
        catch (IOException refused)
        {
            return refused.Message;
        }

        var group = ControlGroup.Create($"probe-{Guid.NewGuid():N}");
        try
        {
            return group.MemoryBytes is null ? $"No control group counts memory. {group.Unavailable}" : null;
        }
        finally
        {
            group.TryRemove();
        }
    }

    private static bool HasGuestsUser() =>
        Environment.IsPrivilegedProcess && File.ReadLines("/etc/passwd").Any(static line => line.StartsWith($"{GuestsUser}:", StringComparison.Ordinal));
}

/// <summary>As <see cref="FactNeedsAttribute"/>, for a test with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TheoryNeedsAttribute : TheoryAttribute
{
    /// <summary>Says what the test needs.</summary>
    public TheoryNeedsAttribute(Need need)
    {
        Need = need;

        // Allowed: nobody can install it on every machine that runs the tests; the report names and counts what was left out.
        Skip = FactNeedsAttribute.Lack(need);
    }

    /// <summary>What it needs.</summary>
    public Need Need { get; }
}
