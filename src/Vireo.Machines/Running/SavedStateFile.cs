namespace Vireo.Machines.Running;

/// <summary>Saved memory as a file that is copied with its machine.</summary>
public static class SavedStateFile
{
    /// <summary>Why the file is nothing that this version continues, or null.</summary>
    public static string? Problem(string path)
    {
        try
        {
            var (stream, _) = SavedState.Open(path);
            stream.Dispose();
            return null;
        }
        catch (MachineException unreadable)
        {
            return unreadable.Message;
        }
    }

    /// <summary>Says that the memory is that of another machine with other devices in the same places.</summary>
    /// <param name="path">The file; nobody else has it open.</param>
    /// <param name="identities">New ids by old ones.</param>
    /// <exception cref="MachineException">It is no saved state of this version.</exception>
    public static void Rename(string path, IReadOnlyDictionary<Guid, Guid> identities)
    {
        ArgumentNullException.ThrowIfNull(identities);
        var (stream, header) = SavedState.Open(path);
        stream.Dispose();
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (device, place) in header.Slots.Places)
        {
            if (!places.TryAdd(RenameDevice(device, identities), place))
            {
                throw new MachineException(MachineErrorKind.SavedState, $"The saved state '{path}' names the same device twice; remove the saved state to start the virtual machine.");
            }
        }

        SavedState.WriteHeader(path, header with
        {
            MachineId = identities.GetValueOrDefault(header.MachineId, header.MachineId),
            Slots = header.Slots with { Places = places },
        });
    }

    // Devices are named after their ids, in one of the usual forms.
    private static string RenameDevice(string device, IReadOnlyDictionary<Guid, Guid> identities)
    {
        foreach (var (old, now) in identities)
        {
            device = device.Replace(old.ToString("N"), now.ToString("N"), StringComparison.OrdinalIgnoreCase).Replace(old.ToString("D"), now.ToString("D"), StringComparison.OrdinalIgnoreCase);
        }

        return device;
    }
}
