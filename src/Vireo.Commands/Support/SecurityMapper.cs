using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>What protects a guest, as an object of the model, and how it changes.</summary>
public static class SecurityMapper
{
    /// <summary>The object.</summary>
    public static VMSecurity Security(VirtualMachineConfiguration c, string host)
    {
        var part = ModelMapper.Part<VMSecurity>(c, null, "Security", host);
        part.TpmEnabled = c.TpmEnabled;
        return part;
    }

    /// <summary>The machine with or without a trusted platform module.</summary>
    public static VirtualMachineConfiguration WithTpm(VirtualMachineConfiguration c, MachineStatus status, bool enabled)
    {
        ArgumentNullException.ThrowIfNull(c);
        ArgumentNullException.ThrowIfNull(status);
        if (c.Generation != 2)
        {
            throw Errors.Invalid($"The virtual machine '{c.Name}' is of generation 1; only generation 2 has a trusted platform module.", c.Name);
        }

        return status.IsOff
            ? c with { TpmEnabled = enabled }
            : throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change its trusted platform module.", c.Name);
    }
}
