using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.HardDiskDrives;

/// <summary>Removes hard disk drives from virtual machines. The files stay.</summary>
[Command("Remove", "VMHardDiskDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(HardDiskDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such drive")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off and the drive is on an IDE controller")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the guest does not let go of the drive")]
[Example("Get-VMHardDiskDrive web1 | Remove-VMHardDiskDrive", "Removes all hard disk drives of web1.")]
public sealed class RemoveVMHardDiskDrive : DriveRemoval
{
    /// <summary>Drives, as Get-VMHardDiskDrive writes them.</summary>
    [Parameter(ParameterSetName = "VMHardDiskDrive", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public HardDiskDrive[]? VMHardDiskDrive { get; set; }

    /// <summary>Bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1, Mandatory = true)]
    public ControllerType? ControllerType { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 2, Mandatory = true)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 3, Mandatory = true)]
    public int? ControllerLocation { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => VMHardDiskDrive is null
        ? RemovePlaceAsync(context, DriveKind.HardDisk, ControllerType, ControllerNumber, ControllerLocation, "Remove-VMHardDiskDrive")
        : RemoveObjectsAsync(context, VMHardDiskDrive, "Remove-VMHardDiskDrive");
}
