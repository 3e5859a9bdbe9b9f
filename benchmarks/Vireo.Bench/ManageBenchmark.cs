using System.Globalization;
using System.Text.RegularExpressions;

namespace Vireo.Bench;

/// <summary>
/// Listing many virtual machines, as a script does it: <c>vireo Get-VM</c> against <c>virsh list --all</c> with as many defined domains, the
/// start of the client included. Both managers run all the time; rounds alternate, so that what disturbs one disturbs the other.
/// </summary>
internal sealed partial class ManageBenchmark : IBenchmark
{
    private const int Rounds = 21;

    /// <inheritdoc/>
    public string Name => "manage";

    /// <inheritdoc/>
    public string Summary => "list 200 virtual machines, or as many as the argument says: vireo Get-VM and virsh list --all";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs => LibvirtSession.Needs;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var count = arguments.Count > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 200;
        var folder = Directory.CreateTempSubdirectory("vb-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        try
        {
            await using var host = await BenchHost.UpAsync(Path.Combine(folder, "host"));
            await using var libvirt = new LibvirtSession(folder);
            Console.Error.WriteLine($"Registering {count} virtual machines with each");
            for (var number = 1; number <= count; number++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"vm{number:000}");
                await host.OutputAsync("New-VM", "-Name", name, "-MemoryStartupBytes", "512MB", "-NoVHD");
                await libvirt.DefineAsync($"<domain type='qemu'><name>{name}</name><memory unit='MiB'>512</memory><os><type arch='x86_64'>hvm</type></os></domain>");
            }

            await CheckAsync("vireo Get-VM", await host.OutputAsync("Get-VM"), count);
            await CheckAsync("virsh list", await libvirt.OutputAsync("list", "--all"), count);

            Console.Error.WriteLine($"{Rounds} rounds in turns");
            List<double> all = [], some = [], peer = [];
            for (var round = 0; round < Rounds; round++)
            {
                all.Add(await host.TimeAsync("Get-VM"));
                peer.Add(await libvirt.TimeAsync("list", "--all"));
                some.Add(await host.TimeAsync("Get-VM", "vm01*"));
            }

            return
            [
                new($"Get-VM, {count} machines", "ms", Tool.Median(all), "virsh list --all", Tool.Median(peer), LessIsBetter: true),
                new("Get-VM vm01*", "ms", Tool.Median(some), "virsh list --all", Tool.Median(peer), LessIsBetter: true),
            ];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // A figure for a wrong answer is worth nothing.
    private static Task CheckAsync(string what, string output, int count) => MachineName().Count(output) == count
        ? Task.CompletedTask
        : throw new InvalidOperationException($"{what} shows {MachineName().Count(output)} machines instead of {count}.");

    [GeneratedRegex(@"\bvm\d{3,4}\b", RegexOptions.None, 1000)]
    private static partial Regex MachineName();
}
