using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>
/// Copies virtual machines into folders from which they can be imported: configuration, disks, checkpoints and saved memory. A machine that runs goes
/// on; the copy is what it was at one moment.
/// </summary>
[Command("Export", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is exported already, a running machine has a disk that cannot have a child, or its guest cannot be frozen and must be")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the folder has a machine of that name already")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the folder cannot be written")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "another program writes to a disk")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of a disk is missing")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the copy")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged or the storage failed")]
[Example("Export-VM web1 -Path /backup", "Copies web1 into /backup/web1.")]
[Example("Get-VM | Export-VM -Path /backup", "Copies every machine.")]
[Example("Export-VM web1 -Path /backup -CaptureLiveState CaptureDataConsistentState", "Copies the disks of web1 while its file systems are frozen, without its memory.")]
public sealed class ExportVM : NamedMachineCommand
{
    /// <summary>Folder in which a folder of the machine's name is made.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>What is kept of a machine that runs: with its memory when left out.</summary>
    [Parameter]
    public CaptureLiveState? CaptureLiveState { get; set; }

    /// <summary>Write the machines to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        // One after another: they share the storage, and two of one name must not make one folder.
        foreach (var machine in Machines(context))
        {
            if (await context.ShouldProcessAsync(machine.Name, "Export-VM"))
            {
                await GuardAsync(context, async () =>
                {
                    var folder = await context.Service<IExports>().ExportAsync(
                        machine.Id, Path!, CaptureLiveState ?? Microsoft.HyperV.PowerShell.CaptureLiveState.CaptureSavedState,
                        (status, percent) => context.WriteProgress($"Exporting '{machine.Name}'", status, percent), context.Cancellation);
                    context.WriteVerbose($"'{machine.Name}' was copied to '{folder}'.");
                    if (Passthru)
                    {
                        WriteMachine(context, machine.Id);
                    }
                });
            }
        }
    }
}
