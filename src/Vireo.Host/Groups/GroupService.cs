using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.Store;
using Vireo.Platform.Files;

namespace Vireo.Host.Groups;

/// <summary>Content of the groups' file.</summary>
/// <param name="FormatVersion">Version of the layout.</param>
/// <param name="Groups">The groups.</param>
internal sealed record GroupFile(int FormatVersion, IReadOnlyList<MachineGroup> Groups);

/// <summary>Keeps groups in one small file, <c>groups.json</c>, written whole at each change.</summary>
internal sealed class GroupService : IMachineGroups
{
    private const int NewestVersion = 1;
    private readonly string _path;
    private readonly Lock _changing = new();
    private volatile IReadOnlyList<MachineGroup> _groups;

    /// <summary>Reads the file below the host's state folder.</summary>
    /// <exception cref="StateFileException">It is damaged, or newer than this program.</exception>
    public GroupService(string stateFolder)
    {
        _path = Path.Combine(stateFolder, "groups.json");
        AtomicFile.Sweep(_path);
        _groups = JsonFile.Read(_path, StoreJson.Default.GroupFile, static file => file.FormatVersion, NewestVersion)?.Groups ?? [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<MachineGroup> All => _groups;

    /// <inheritdoc/>
    public void Add(MachineGroup group)
    {
        lock (_changing)
        {
            if (_groups.Any(other => other.Id == group.Id))
            {
                throw new CommandException("InvalidParameter", ErrorCategory.InvalidArgument, $"There is a group with the id {group.Id:D} already.", group.Name);
            }

            Store([.. _groups, group]);
        }
    }

    /// <inheritdoc/>
    public MachineGroup Change(Guid id, Func<MachineGroup, IReadOnlyList<MachineGroup>, MachineGroup> change)
    {
        lock (_changing)
        {
            var before = _groups.FirstOrDefault(group => group.Id == id)
                ?? throw new CommandException("ObjectNotFound", ErrorCategory.ObjectNotFound, $"The group {id:D} is gone.", id.ToString("D"));
            var after = change(before, _groups);
            Store([.. _groups.Select(group => group.Id == id ? after : group)]);
            return after;
        }
    }

    /// <inheritdoc/>
    public void Remove(Guid id)
    {
        lock (_changing)
        {
            Store([.. _groups.Where(group => group.Id != id).Select(group => group.Members.Contains(id) ? group with { Members = [.. group.Members.Where(member => member != id)] } : group)]);
        }
    }

    private void Store(IReadOnlyList<MachineGroup> groups)
    {
        groups = [.. groups.OrderBy(group => group.Name, StringComparer.OrdinalIgnoreCase)];
        JsonFile.Write(_path, new GroupFile(NewestVersion, groups), StoreJson.Default.GroupFile);
        _groups = groups;
    }
}
