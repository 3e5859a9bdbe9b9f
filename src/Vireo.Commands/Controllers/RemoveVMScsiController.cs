using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Controllers;

/// <summary>Removes a SCSI controller from virtual machines, with its drives. Files stay. Controllers behind it move up by one.</summary>
[Command("Remove", "VMScsiController", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMScsiController))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or it has no such controller")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Remove-VMScsiController web1 -ControllerNumber 1", "Removes the second SCSI controller of web1.")]
public sealed class RemoveVMScsiController : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Number of the controller.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1, Mandatory = true)]
    [ValidateRange(0, 63)]
    public int? ControllerNumber { get; set; }

    /// <summary>Controllers as they were got.</summary>
    [Parameter(ParameterSetName = "Object", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMScsiController[]? VMScsiController { get; set; }

    /// <summary>Write the controllers to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var service = context.Service<IMachines>();
        var wanted = VMScsiController is null
            ? Resolve(context, VMName, null).Select(machine => (Machine: machine, Numbers: new List<int> { ControllerNumber!.Value })).ToList()
            : [.. VMScsiController.GroupBy(one => one.VMId).Select(group => (service.Find(group.Key) ?? throw Errors.MachineGone(group.Key), group.Select(one => one.ControllerNumber).ToList()))];
        foreach (var (machine, numbers) in wanted)
        {
            // From the last on, so that those before keep their numbers.
            foreach (var number in numbers.OrderDescending())
            {
                await ForEachAsync(context, [machine], "Remove-VMScsiController", async _ =>
                {
                    var last = ControllerMapper.Scsi(service.Find(machine.Id) ?? machine, number, context.Service<IHostSettings>().Facts.Name);
                    await service.ChangeAsync(machine.Id, (now, status) => Without(now, status, number), context.Cancellation);
                    if (Passthru)
                    {
                        last.IsDeleted = true;
                        context.WriteObject(last);
                    }
                });
            }
        }
    }

    private static VirtualMachineConfiguration Without(VirtualMachineConfiguration machine, MachineStatus status, int number)
    {
        if (!status.IsOff)
        {
            throw Errors.State($"The virtual machine '{machine.Name}' is {status.State}; turn it off to change its controllers.", machine.Name);
        }

        if (number >= machine.ScsiControllers)
        {
            throw Errors.Invalid($"There is no SCSI controller number {number} in the virtual machine '{machine.Name}'.", machine.Name);
        }

        return machine with
        {
            ScsiControllers = machine.ScsiControllers - 1,
            Drives =
            [
                .. machine.Drives.Where(drive => drive.Bus != DriveBus.Scsi || drive.ControllerNumber != number)
                    .Select(drive => drive.Bus == DriveBus.Scsi && drive.ControllerNumber > number ? drive with { ControllerNumber = drive.ControllerNumber - 1 } : drive),
            ],
        };
    }
}
