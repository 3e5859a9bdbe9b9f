using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>
/// Changes what protects the guests of virtual machines. What this host cannot do is refused: saved states are not encrypted, though what crosses to another
/// host always is, and guests get no virtualization-based security that they could do without. What a trusted platform module keeps is encrypted with
/// Set-VMKeyProtector.
/// </summary>
[Command("Set", "VMSecurity", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSecurity))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "nothing is to be set")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "saved states are to be encrypted, or virtualization-based security is to be left out")]
[Example("Set-VMSecurity web1 -EncryptStateAndVmMigrationTraffic $false -Passthru", "Sets what is so anyway, and shows it.")]
public sealed class SetVMSecurity : ChangePartCommand
{
    /// <summary>Encrypt saved states. Only $false is taken; moves to other hosts are always encrypted.</summary>
    [Parameter]
    public bool? EncryptStateAndVmMigrationTraffic { get; set; }

    /// <summary>Leave the machine out of virtualization-based security. Only $false is taken: no guest is given any.</summary>
    [Parameter]
    public bool? VirtualizationBasedSecurityOptOut { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (EncryptStateAndVmMigrationTraffic is null && VirtualizationBasedSecurityOptOut is null)
        {
            throw Errors.Invalid("Nothing is to be set: name -EncryptStateAndVmMigrationTraffic or -VirtualizationBasedSecurityOptOut.", nameof(EncryptStateAndVmMigrationTraffic));
        }

        if (EncryptStateAndVmMigrationTraffic == true)
        {
            throw Errors.NotSupported(
                "Saved states are not encrypted by this host: keep the machine's folder on an encrypted file system. What crosses to another host is always encrypted, and what a trusted platform module keeps is with Set-VMKeyProtector.",
                nameof(EncryptStateAndVmMigrationTraffic));
        }

        if (VirtualizationBasedSecurityOptOut == true)
        {
            throw Errors.NotSupported("Guests are given no virtualization-based security, so none can be left out of it; Set-VMProcessor -ExposeVirtualizationExtensions $false keeps virtualization from a guest.", nameof(VirtualizationBasedSecurityOptOut));
        }

        var host = context.Service<IHostSettings>().Facts.Name;
        return ChangeEachAsync(context, Machines(context), "Set-VMSecurity", static (c, _) => c, Passthru ? machine => context.WriteObject(SecurityMapper.Security(machine, host)) : null);
    }
}
