using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.FloppyDrives;

/// <summary>Gets the floppy disk drives of virtual machines; generation 2 has none.</summary>
[Command("Get", "VMFloppyDiskDrive", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMFloppyDiskDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMFloppyDiskDrive old1", "Shows the disk in the floppy drive of old1.")]
public sealed class GetVMFloppyDiskDrive : GetPartCommand
{
    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        FloppyMapper.Floppy(machine, Host(context)) is { } drive ? [drive] : [];
}
