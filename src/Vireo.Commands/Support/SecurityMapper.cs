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

    /// <summary>The key protector as an object.</summary>
    public static VMKeyProtector KeyProtector(VirtualMachineConfiguration c, IGuardian guardian, string host)
    {
        ArgumentNullException.ThrowIfNull(guardian);
        var part = ModelMapper.Part<VMKeyProtector>(c, null, "Key Protector", host);
        part.KeyProtector = c.KeyProtector ?? "";
        part.IsUsable = c.KeyProtector is { } protector && guardian.CanOpen(protector);
        return part;
    }

    /// <summary>The machine with a key protector.</summary>
    public static VirtualMachineConfiguration WithKeyProtector(VirtualMachineConfiguration c, MachineStatus status, string protector, IGuardian guardian)
    {
        ArgumentNullException.ThrowIfNull(c);
        ArgumentNullException.ThrowIfNull(status);
        ArgumentNullException.ThrowIfNull(guardian);
        if (c.Generation != 2)
        {
            throw Errors.Invalid($"The virtual machine '{c.Name}' is of generation 1; only generation 2 has a trusted platform module to protect.", c.Name);
        }

        if (!status.IsOff)
        {
            throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change its key protector.", c.Name);
        }

        return c.KeyProtector == protector || !guardian.HasKept(c) ? c with { KeyProtector = protector }
            : throw Errors.State($"The trusted platform module of the virtual machine '{c.Name}' keeps keys of the guest already, which would be lost with another key protector: it is given before the module is used for the first time.", c.Name);
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
