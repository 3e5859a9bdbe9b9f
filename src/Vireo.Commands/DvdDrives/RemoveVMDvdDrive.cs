using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.DvdDrives;

/// <summary>Removes DVD drives from virtual machines. The files stay.</summary>
[Command("Remove", "VMDvdDrive", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(DvdDrive))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such drive")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off and the drive is on an IDE controller")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the guest does not let go of the drive")]
[Example("Get-VMDvdDrive web1 | Remove-VMDvdDrive", "Removes all DVD drives of web1.")]
public sealed class RemoveVMDvdDrive : DriveRemoval
{
    /// <summary>Drives, as Get-VMDvdDrive writes them.</summary>
    [Parameter(ParameterSetName = "VMDvdDrive", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public DvdDrive[]? VMDvdDrive { get; set; }

    /// <summary>Controller on the bus.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1, Mandatory = true)]
    public int? ControllerNumber { get; set; }

    /// <summary>Place on the controller.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 2, Mandatory = true)]
    public int? ControllerLocation { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => VMDvdDrive is null
        ? RemovePlaceAsync(context, DriveKind.Dvd, null, ControllerNumber, ControllerLocation, "Remove-VMDvdDrive")
        : RemoveObjectsAsync(context, VMDvdDrive, "Remove-VMDvdDrive");
}
