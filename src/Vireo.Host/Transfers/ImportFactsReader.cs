using Vireo.Commands.Services;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Mounts;
using Vireo.Machines.Running;
using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>Finds out what the checks of a plan look at.</summary>
/// <param name="storage">The storage plane.</param>
/// <param name="settings">Settings of the host.</param>
/// <param name="machines">Machines of the host.</param>
/// <param name="unreadableFile">The configuration of a machine that is registered and could not be read.</param>
/// <param name="plans">Plans.</param>
/// <param name="switches">Switches of the host.</param>
/// <param name="guardian">Keeps the keys of machines.</param>
internal sealed class ImportFactsReader(IStorageControl storage, IHostSettings settings, IMachines machines, Func<Guid, string?> unreadableFile, PlannedMachines plans, Func<ISwitches> switches, IGuardian guardian)
{
    /// <summary>Everything about a plan as it is now.</summary>
    public async Task<ImportFacts> ReadAsync(PlannedImport plan, CancellationToken cancellation)
    {
        var disks = new Dictionary<string, DiskFacts>(StringComparer.Ordinal);
        foreach (var path in MachinePaths.Disks(plan.Machine).Where(File.Exists))
        {
            disks[path] = await LookAtAsync(path, cancellation);
        }

        var images = disks.Values.SelectMany(disk => disk.Chain.Reverse()).DistinctBy(image => image.Path).ToList();
        var present = machines.All;
        var ofOthers = ImageOwners.Of(present, RealPath.Of).Keys.ToHashSet();
        return new ImportFacts
        {
            Plan = plan,
            Layout = ImportLayout.Of(plan, images, plan.Request.VhdDestinationPath ?? settings.Current.VirtualHardDiskPath, ofOthers),
            Host = settings.Facts,
            Settings = settings.Current,
            Machines = present,
            UnreadableFile = unreadableFile,
            Plans = plans.All,
            Switches = switches().All,
            Interfaces = plan.Machine.NetworkAdapters.Any(adapter => adapter.Policy.MinimumBandwidthAbsolute > 0) ? await switches().InterfacesAsync(cancellation) : [],
            Disks = disks,
            OffersNesting = OffersNesting(),
            FreeBytes = FreeBytes,
            FolderProblem = FolderProblem,
            StateProblem = SavedStateFile.Problem,
            PhysicalDiskProblem = new HostDisks().Problem,
            CanOpenKeyProtector = guardian.CanOpen,
        };
    }

    private async Task<DiskFacts> LookAtAsync(string path, CancellationToken cancellation)
    {
        var chain = new List<ChainImage>();
        ImageInfo? first = null;
        ControlError? error = null;
        try
        {
            for (string? next = path; next is not null && chain.Count < 256 && chain.All(image => image.Path != next);)
            {
                var image = await storage.InspectImageAsync(next, cancellation);
                first ??= image;
                var parent = image.ParentPath is { } found ? Path.GetFullPath(found) : null;
                chain.Add(new(next, parent, image.FileSizeBytes));
                if (parent is not null && !File.Exists(parent))
                {
                    error = new("ParentNotFound", "ObjectNotFound", $"its parent '{image.ParentPath}' does not exist.", next);
                    break;
                }

                next = parent;
            }

            // Each image for itself may be whole and still not be the parent that its child means: opening the chain tells.
            if (error is null && chain.Count > 1 && first is { InUse: false })
            {
                await storage.WorkOnImageAsync(new ImageWork(ImageOperation.Test, path), null, cancellation);
            }
        }
        catch (ControlException refused) when (refused is not PlaneUnreachableException)
        {
            error = refused.Error;
        }

        return new(path, error is null ? first : null, error, chain, IsWritable(path));
    }

    private static bool IsWritable(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // As the kernel's modules say it: Y or 1.
    private bool OffersNesting() => settings.Facts.Accelerator.Equals("kvm", StringComparison.OrdinalIgnoreCase)
        && new[] { "/sys/module/kvm_intel/parameters/nested", "/sys/module/kvm_amd/parameters/nested" }.Any(file => File.Exists(file) && File.ReadAllText(file).Trim() is "Y" or "1");

    private static long? FreeBytes(string folder) => Nearest(folder) is { } present ? new DriveInfo(present).AvailableFreeSpace : null;

    private static string? FolderProblem(string folder)
    {
        if (!Path.IsPathRooted(folder))
        {
            return "it is no full path.";
        }

        if (Nearest(folder) is not { } present)
        {
            return "a part of it is a file.";
        }

        // Root may write wherever the file system lets anybody.
        var probe = Path.Combine(present, $".{Guid.NewGuid():N}.probe");
        try
        {
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return refused.Message;
        }
    }

    private static string? Nearest(string folder)
    {
        for (var at = folder; at is not null; at = Path.GetDirectoryName(at))
        {
            if (Directory.Exists(at))
            {
                return at;
            }

            if (File.Exists(at))
            {
                return null;
            }
        }

        return null;
    }
}
