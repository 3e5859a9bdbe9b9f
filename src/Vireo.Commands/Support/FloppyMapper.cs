using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>A machine's floppy disk drive as an object of the model.</summary>
public static class FloppyMapper
{
    /// <summary>The drive; null for a machine that has none.</summary>
    public static VMFloppyDiskDrive? Floppy(VirtualMachineConfiguration c, string host)
    {
        ArgumentNullException.ThrowIfNull(c);
        if (c.Generation != 1)
        {
            return null;
        }

        var part = ModelMapper.Part<VMFloppyDiskDrive>(c, FloppyDrive.IdOf(c.Id), "Floppy Disk Drive", host);
        part.Path = c.FloppyPath ?? "";
        return part;
    }
}
