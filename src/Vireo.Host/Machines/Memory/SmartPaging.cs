using System.Globalization;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;
using Vireo.Platform.Memory;
using Vireo.Platform.Processes;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines.Memory;

/// <summary>
/// The smart paging file of one machine: memory that a guest lacks to start anew. While there is one, the machine's control group has a limit of
/// memory, and the kernel keeps what is beyond it in the file. All of the guest's memory is charged to that group before the guest needs it, since
/// the planes write into it too and would have what they touch first charged to theirs.
/// </summary>
/// <param name="findMemory">Where the memory of the machine's guest is; null without a process.</param>
/// <param name="configuration">The machine's stored configuration.</param>
/// <param name="tell">Told the kind of an event, and a sentence.</param>
internal sealed class SmartPaging(Func<MemoryPlace?> findMemory, Func<VirtualMachineConfiguration> configuration, Action<string, string> tell) : IDisposable
{
    private const string Extension = ".slp";
    private const string LabelStart = "vireo ";

    // What else is in the machine's group must find a place too: where nothing could be paged out any more, it would stand still.
    private const long Spare = 64L << 20;

    // A file in memory can be paged out only when it is not being made longer: so it is made in pieces.
    private const long LargestPiece = 64L << 20;
    private static readonly TimeSpan s_fillPatience = TimeSpan.FromMinutes(5);
    private readonly SemaphoreSlim _gate = new(1);
    private string? _path;

    /// <summary>There is a file, and what the guest lacks is in it.</summary>
    public bool IsActive => _path is not null;

    /// <summary>The name of a machine's file.</summary>
    public static string PathOf(VirtualMachineConfiguration machine) => Path.Combine(machine.SmartPagingFilePath, $"{machine.Id:D}{Extension}");

    /// <summary>Bytes of memory that the guest's first memory really takes; 0 when that is not known.</summary>
    public long HeldBytes => findMemory()?.File is { } file && FileRoom.Of(file) is { } room ? room.Allocated : 0;

    /// <summary>Holds the guest to what it has for sure, until <see cref="BeginAsync"/> has made the rest or <see cref="EndAsync"/> lets go of it.</summary>
    /// <exception cref="IOException">There is no group that could be held to anything.</exception>
    public void Hold(long physicalBytes)
    {
        var place = Place();
        var group = ControlGroup.Find(place.ControlGroupFolders);
        var used = group.MemoryBytes ?? throw new IOException("The control group of the machine's process does not count its memory.");

        // What planes were the first to touch is charged to them; QEMU itself must have something in any case.
        group.SetMemory(Math.Max(used / 2, used + physicalBytes - HeldBytes));
    }

    /// <summary>Ends what <see cref="Hold"/> began.</summary>
    public void LetGo()
    {
        if (findMemory() is { } place && ControlGroup.Find(place.ControlGroupFolders) is { Unavailable: null, MemoryBytes: not null } group)
        {
            group.SetMemory(null);
        }
    }

    /// <summary>Makes the file and lets the kernel use it.</summary>
    /// <param name="physicalBytes">Memory that the guest has for sure.</param>
    /// <param name="cancellation">Gives up; nothing is left then.</param>
    /// <exception cref="IOException">The kernel or the file system refuses; nothing is left then.</exception>
    public async Task BeginAsync(long physicalBytes, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            var current = configuration();
            var missing = current.Memory.StartupBytes - physicalBytes;
            var path = PathOf(current);
            try
            {
                Directory.CreateDirectory(current.SmartPagingFilePath);
                PagingFile.Create(path, missing + (missing / 16) + Spare, string.Create(CultureInfo.InvariantCulture, $"{LabelStart}{physicalBytes >> 20} MB"));
                CrashPoint.Hit("host.paging.made");
                PagingFile.TurnOn(path);
                _path = path;
                CrashPoint.Hit("host.paging.on");
                Hold(physicalBytes);
                await FillAsync(Math.Min(LargestPiece, physicalBytes / 4), cancellation);
            }
            catch
            {
                Release(path);
                throw;
            }
        }
        finally
        {
            _gate.Release();
        }

        tell(
            "SmartPagingBegan",
            $"The host has no memory left for the restart of '{configuration().Name}': {(configuration().Memory.StartupBytes - physicalBytes) >> 20} MB of its memory are in the smart paging file '{_path}' until its guest gives as much back.");
    }

    /// <summary>Lets the guest have more.</summary>
    public void Raise(long bytes)
    {
        var group = ControlGroup.Find(Place().ControlGroupFolders);
        group.SetMemory((group.MemoryBytes ?? 0) + bytes);
    }

    /// <summary>
    /// Brings back what is in the file, and deletes it: the guest has given back so much that there is room, or it is gone. Does nothing without one.
    /// </summary>
    public async Task EndAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_path is { } path)
            {
                // The kernel reads all of it back before it answers.
                await Task.Run(() => Release(path));
                tell("SmartPagingEnded", $"The smart paging file of '{configuration().Name}' is not needed any more and was deleted.");
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// After the process of the host began: goes on with a file in use, and deletes one that nobody needs.
    /// </summary>
    /// <returns>Memory that the guest has for sure; null when all of its memory is.</returns>
    public long? Recover()
    {
        var current = configuration();
        var active = PagingFile.List().FirstOrDefault(one => Path.GetFileName(one.Path) == Path.GetFileName(PathOf(current)));
        if (active is null)
        {
            File.Delete(PathOf(current));
            if (current.Memory.DynamicMemoryEnabled)
            {
                // One that was about to be paged.
                LetGo();
            }

            return null;
        }

        _path = active.Path;
        if (findMemory() is null)
        {
            Release(active.Path);
            return null;
        }

        return PhysicalBytes(PagingFile.ReadLabel(active.Path)) ?? current.Memory.MinimumBytes;
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private static long? PhysicalBytes(string? label) =>
        label is not null && label.StartsWith(LabelStart, StringComparison.Ordinal)
        && long.TryParse(label.AsSpan(LabelStart.Length).TrimEnd(" MB"), NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes) && megabytes > 0 ? megabytes << 20 : null;

    private MemoryPlace Place() => findMemory() ?? throw new IOException("The machine's process is gone.");

    private void Release(string path)
    {
        try
        {
            LetGo();
        }
        catch (IOException)
        {
            // The group goes away with its process just now.
        }

        if (PagingFile.List().Any(one => one.Path == path))
        {
            PagingFile.TurnOff(path);
        }

        _path = null;
        CrashPoint.Hit("host.paging.off");
        File.Delete(path);
    }

    /// <summary>Has all of the guest's memory made by a process of its group. What is there already stays as it is.</summary>
    private async Task FillAsync(long piece, CancellationToken cancellation)
    {
        const string EnterAndFill =
            "n=$1; shift; while [ \"$n\" -gt 0 ]; do echo $$ >\"$1\" || exit 1; shift; n=$((n-1)); done; o=0; while [ \"$o\" -lt \"$2\" ]; do l=$(($2-o)); [ \"$l\" -gt \"$3\" ] && l=$3; fallocate -n -o \"$o\" -l \"$l\" \"$1\" || exit 1; o=$((o+l)); done";
        var place = Place();
        var file = place.File ?? throw new IOException("The file of the guest's memory was not found.");
        var groups = ControlGroup.Find(place.ControlGroupFolders).ProcessFiles;
        var result = await ProgramRunner.RunAsync(
            "/bin/sh",
            ["-c", EnterAndFill, "sh", Text(groups.Count), .. groups, file, Text(configuration().Memory.StartupBytes), Text(Math.Max(piece / 4096 * 4096, 4096))],
            s_fillPatience, cancellation);
        if (result is not { ExitCode: 0 })
        {
            throw new IOException($"The guest's memory could not be made: {(result?.ExitCode is null ? $"it took more than {s_fillPatience.TotalMinutes:0} minutes" : result.Error.Trim())}.");
        }

        static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
