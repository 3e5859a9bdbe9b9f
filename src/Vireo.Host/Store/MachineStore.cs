using Vireo.Machines.Configuration;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Store;

/// <summary>
/// Machines on disk. The configuration beside the disks is the truth; the registry holds one small file for each machine of this host,
/// <c>machines/&lt;id&gt;.json</c>, that points at it. A machine exists exactly when its registration does, so creating and removing
/// are one atomic step each; what is written before that step is undone, and what remains after it is finished, at the next start.
/// </summary>
/// <param name="stateFolder">State folder of the host.</param>
public sealed class MachineStore(string stateFolder)
{
    private readonly string _registry = Path.Combine(stateFolder, "machines");
    private readonly string _intents = Path.Combine(stateFolder, "intents");
    private const string OriginalExtension = ".original";

    /// <summary>Name of the folder, below a machine's own, that holds its configuration.</summary>
    public const string ConfigurationFolder = "Virtual Machines";

    /// <summary>Where a machine's configuration is.</summary>
    public static string ConfigurationFile(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Path.Combine(machine.Path, ConfigurationFolder, $"{machine.Id:D}.json");
    }

    /// <summary>Where a machine's saved memory is.</summary>
    public static string SavedStateFile(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Path.Combine(machine.Path, ConfigurationFolder, $"{machine.Id:D}.state");
    }

    /// <summary>
    /// Where a machine keeps the variables of its UEFI firmware. With secure boot they are others: whoever switches it on begins with keys that no guest has
    /// written.
    /// </summary>
    public static string FirmwareFile(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Path.Combine(machine.FirmwarePath ?? machine.Path, ConfigurationFolder, machine.SecureBootEnabled ? $"{machine.Id:D}.secure.nvram" : $"{machine.Id:D}.nvram");
    }

    /// <summary>What a machine's trusted platform module keeps: the guest's keys.</summary>
    public static string TpmFile(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Path.Combine(machine.FirmwarePath ?? machine.Path, ConfigurationFolder, $"{machine.Id:D}.tpm");
    }

    /// <summary>
    /// Reads every registered machine, after undoing what an interrupted creation left. A configuration that cannot be read is reported
    /// to <paramref name="unreadable"/> and left alone: the disk it lies on may come back.
    /// </summary>
    public IReadOnlyList<VirtualMachineConfiguration> Load(Action<Guid, string> unreadable)
    {
        ArgumentNullException.ThrowIfNull(unreadable);
        Directory.CreateDirectory(_registry);
        Directory.CreateDirectory(_intents);
        AtomicFile.SweepFolder(_registry);
        AtomicFile.SweepFolder(_intents);
        foreach (var intent in Directory.EnumerateFiles(_intents, "*.json").ToList())
        {
            try
            {
                Undo(intent);
            }
            catch (Exception refused) when (refused is StateFileException or IOException or UnauthorizedAccessException)
            {
                // A disk that went bad under one machine keeps no other from being managed.
                unreadable(
                    Guid.TryParse(Path.GetFileNameWithoutExtension(intent), out var id) ? id : Guid.Empty,
                    $"What an interrupted creation, import or removal left could not be tidied up; it is tried again when the host starts ('{intent}' notes it): {refused.Message}");
            }
        }

        DeleteOriginals();
        var machines = new List<VirtualMachineConfiguration>();
        foreach (var file in Directory.EnumerateFiles(_registry, "*.json"))
        {
            if (!Guid.TryParse(Path.GetFileNameWithoutExtension(file), out var id))
            {
                continue;
            }

            try
            {
                var registration = JsonFile.Read(file, StoreJson.Default.MachineRegistration, static _ => 1, 1)!;
                var machine = JsonFile.Read(
                    registration.ConfigurationFile, StoreJson.Default.VirtualMachineConfiguration, static machine => machine.FormatVersion,
                    VirtualMachineConfiguration.CurrentFormatVersion);
                if (machine is null)
                {
                    unreadable(id, $"The configuration '{registration.ConfigurationFile}' is missing.");
                }
                else
                {
                    AtomicFile.Sweep(ConfigurationFile(machine));
                    AtomicFile.Sweep(FirmwareFile(machine));
                    machines.Add(machine);
                }
            }
            catch (Exception error) when (error is StateFileException or IOException or UnauthorizedAccessException)
            {
                unreadable(id, error.Message);
            }
        }

        return machines;
    }

    /// <summary>
    /// Registers a new machine. <paramref name="makeDisk"/> runs after the intent is durable; when anything fails, nothing is left.
    /// </summary>
    public async Task CreateAsync(VirtualMachineConfiguration machine, string? diskFile, Func<Task> makeDisk)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(makeDisk);
        var configuration = ConfigurationFile(machine);
        var intent = Path.Combine(_intents, $"{machine.Id:D}.json");
        JsonFile.Write(intent, new CreationIntent(configuration, null), StoreJson.Default.CreationIntent);
        CrashPoint.Hit("host.create.intended");
        try
        {
            await makeDisk();
            if (diskFile is not null)
            {
                // Only now is it certain whose image it is: the plane makes one whole or not at all, and never over another. When power fails
                // before this line an image is left over; the other way round somebody else's could be removed.
                JsonFile.Write(intent, new CreationIntent(configuration, diskFile), StoreJson.Default.CreationIntent);
            }

            CrashPoint.Hit("host.create.disk");
            JsonFile.Write(configuration, machine, StoreJson.Default.VirtualMachineConfiguration);
            CrashPoint.Hit("host.create.configured");
            JsonFile.Write(RegistrationFile(machine.Id), new MachineRegistration(configuration), StoreJson.Default.MachineRegistration);
        }
        catch
        {
            Undo(intent);
            throw;
        }

        CrashPoint.Hit("host.create.registered");
        AtomicFile.Delete(intent);
    }

    /// <summary>
    /// Registers a machine whose files exist, or are made by <paramref name="makeFiles"/>. When anything fails, what was made is gone, and a
    /// configuration that was there before is as it was.
    /// </summary>
    internal async Task ImportAsync(VirtualMachineConfiguration machine, Func<ImportJournal, Task> makeFiles)
    {
        var import = BeginImport(machine);
        try
        {
            await makeFiles(import.Journal);
            CrashPoint.Hit("host.import.files");
            import.Commit(machine);
        }
        catch
        {
            import.GiveUp();
            throw;
        }

        import.End();
    }

    /// <summary>Begins to make a machine of this host whose files come one after another; see <see cref="MachineImport"/>.</summary>
    /// <param name="machine">The machine; its id and its folder stay.</param>
    /// <param name="isShared">Its configuration is there already and another host's, which goes on with it unless this one registers the machine.</param>
    internal MachineImport BeginImport(VirtualMachineConfiguration machine, bool isShared = false)
    {
        var configuration = ConfigurationFile(machine);
        var intent = Path.Combine(_intents, $"{machine.Id:D}.json");
        var original = !isShared && File.Exists(configuration) ? Path.ChangeExtension(intent, OriginalExtension) : null;
        if (original is not null)
        {
            AtomicFile.Copy(configuration, original);
        }

        try
        {
            var journal = new ImportJournal(intent, configuration, original, isShared);
            CrashPoint.Hit("host.import.intended");
            return new MachineImport(this, journal, machine.Id);
        }
        catch
        {
            GiveUpImport(machine.Id);
            throw;
        }
    }

    /// <summary>Takes back what an import has made that does not count.</summary>
    internal void GiveUpImport(Guid id)
    {
        var intent = Path.Combine(_intents, $"{id:D}.json");
        if (File.Exists(intent))
        {
            Undo(intent);
        }

        DeleteOriginals();
    }

    /// <summary>Writes the configuration and the registration: the moment in which an import counts.</summary>
    internal void CommitImport(VirtualMachineConfiguration machine, ImportJournal journal)
    {
        var configuration = ConfigurationFile(machine);
        JsonFile.Write(configuration, machine, StoreJson.Default.VirtualMachineConfiguration);
        CrashPoint.Hit("host.import.configured");
        journal.Sync();
        JsonFile.Write(RegistrationFile(machine.Id), new MachineRegistration(configuration, journal.Id), StoreJson.Default.MachineRegistration);
    }

    /// <summary>Forgets the notes of an import that counts.</summary>
    internal void EndImport(Guid id)
    {
        CrashPoint.Hit("host.import.registered");
        try
        {
            AtomicFile.Delete(Path.Combine(_intents, $"{id:D}.json"));
            DeleteOriginals();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // The machine is registered: what stays here is deleted by the next start, which sees that.
        }
    }

    /// <summary>Whether the machine was registered by the import of that id.</summary>
    internal bool IsRegisteredBy(Guid id, Guid import)
    {
        try
        {
            return Registration(id)?.Import == import;
        }
        catch (StateFileException)
        {
            // Written whole or not at all: one that is damaged is none of this import.
            return false;
        }
    }

    /// <summary>Forgets a machine that is another host's now; its files are the caller's.</summary>
    internal void Release(Guid id) => AtomicFile.Delete(RegistrationFile(id));

    // Configurations as they were before an import; without their intents nobody asks for them any more.
    private void DeleteOriginals()
    {
        foreach (var file in Directory.EnumerateFiles(_intents, $"*{OriginalExtension}").Where(file => !File.Exists(Path.ChangeExtension(file, ".json"))).ToList())
        {
            AtomicFile.Delete(file);
        }
    }

    /// <summary>Replaces a machine's configuration.</summary>
    public static void Save(VirtualMachineConfiguration machine) =>
        JsonFile.Write(ConfigurationFile(machine), machine, StoreJson.Default.VirtualMachineConfiguration);

    /// <summary>Replaces the configuration of a machine that lies in another folder now. The old file is the caller's to delete.</summary>
    public void Relocate(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        Save(machine);
        CrashPoint.Hit("host.move.configured");
        JsonFile.Write(RegistrationFile(machine.Id), new MachineRegistration(ConfigurationFile(machine), Registration(machine.Id)?.Import), StoreJson.Default.MachineRegistration);
    }

    /// <summary>Writes a configuration into a folder that is not the machine's yet.</summary>
    public static void Save(VirtualMachineConfiguration machine, string folder)
    {
        ArgumentNullException.ThrowIfNull(machine);
        JsonFile.Write(ConfigurationFile(machine with { Path = folder }), machine, StoreJson.Default.VirtualMachineConfiguration);
    }

    /// <summary>Forgets a machine and removes its configuration, saved state and firmware variables. Disks stay.</summary>
    public void Remove(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);

        // The intent makes the next start finish the removal: it finds no registration and deletes the configuration.
        var intent = Path.Combine(_intents, $"{machine.Id:D}.json");
        JsonFile.Write(intent, new CreationIntent(ConfigurationFile(machine), null), StoreJson.Default.CreationIntent);
        CrashPoint.Hit("host.remove.intended");
        AtomicFile.Delete(RegistrationFile(machine.Id));
        CrashPoint.Hit("host.remove.unregistered");
        Undo(intent);
    }

    /// <summary>Whether a machine is registered, also one whose configuration cannot be read.</summary>
    public bool IsRegistered(Guid id) => File.Exists(RegistrationFile(id));

    /// <summary>The configuration file that a registration names, also one that cannot be read; null when there is no registration.</summary>
    public string? RegisteredFile(Guid id)
    {
        try
        {
            return Registration(id)?.ConfigurationFile;
        }
        catch (StateFileException damaged)
        {
            return damaged.Path;
        }
    }

    private MachineRegistration? Registration(Guid id) => JsonFile.Read(RegistrationFile(id), StoreJson.Default.MachineRegistration, static _ => 1, 1);

    private string RegistrationFile(Guid id) => Path.Combine(_registry, $"{id:D}.json");

    private void Undo(string intentFile)
    {
        var intent = JsonFile.Read(intentFile, StoreJson.Default.CreationIntent, static _ => 1, 1)!;
        var isRegistered = File.Exists(Path.Combine(_registry, Path.GetFileName(intentFile)));
        if (intent.Import is { } import)
        {
            // The registration may be an older one: of a machine that could not be read, and was to be replaced.
            if (!isRegistered || (import.Id is { } id && !IsRegisteredBy(Guid.Parse(Path.GetFileNameWithoutExtension(intentFile)), id)))
            {
                ImportJournal.Undo(intent.ConfigurationFile, import);
            }
        }
        else if (!isRegistered)
        {
            var configuration = intent.ConfigurationFile;
            AtomicFile.Sweep(configuration);
            foreach (var file in new[] { intent.DiskFile, configuration, Path.ChangeExtension(configuration, ".state"), Path.ChangeExtension(configuration, ".nvram"), Path.ChangeExtension(configuration, ".secure.nvram"), Path.ChangeExtension(configuration, ".tpm") }.OfType<string>())
            {
                if (File.Exists(file))
                {
                    AtomicFile.Delete(file);
                }
            }

            RemoveIfEmpty(Path.GetDirectoryName(configuration)!);
            RemoveIfEmpty(Path.GetDirectoryName(Path.GetDirectoryName(configuration)!)!);
        }

        AtomicFile.Delete(intentFile);
    }

    private static void RemoveIfEmpty(string folder)
    {
        if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }
}
