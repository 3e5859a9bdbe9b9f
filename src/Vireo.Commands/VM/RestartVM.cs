using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Restarts virtual machines.</summary>
[Command("Restart", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not running")]
[CommandError("OutOfMemory", ErrorCategory.ResourceUnavailable, "the machine had given memory back, and the host has not enough for its start")]
[CommandError("OperationTimeout", ErrorCategory.OperationTimeout, "with -Wait, the guest did not come back in time")]
[Example("Restart-VM web1 -Force", "Resets web1.")]
[Example("Restart-VM web1 -Wait -For Heartbeat -Timeout 120 -Force", "Resets web1 and waits until its guest answers.")]
public sealed class RestartVM : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "NameWait", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VMObjectWait", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [Parameter(ParameterSetName = "NameWait")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Wait until the guest is back.</summary>
    [Parameter(ParameterSetName = "NameWait", Mandatory = true)]
    [Parameter(ParameterSetName = "VMObjectWait", Mandatory = true)]
    public Switch Wait { get; set; }

    /// <summary>What to wait for.</summary>
    [Parameter(ParameterSetName = "NameWait")]
    [Parameter(ParameterSetName = "VMObjectWait")]
    [ValidateSet("Heartbeat", "IPAddress")]
    public WaitVMTypes? For { get; set; }

    /// <summary>Seconds to wait between looks.</summary>
    [Parameter(ParameterSetName = "NameWait")]
    [Parameter(ParameterSetName = "VMObjectWait")]
    public ushort? Delay { get; set; }

    /// <summary>Seconds to wait at most; without it, or with -1, as long as it takes.</summary>
    [Parameter(ParameterSetName = "NameWait")]
    [Parameter(ParameterSetName = "VMObjectWait")]
    [Alias("TimeoutSec")]
    public int? Timeout { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var machines = context.Service<IMachines>();
        foreach (var machine in Resolve(context, Name, VM))
        {
            if (!await context.ShouldProcessAsync(machine.Name, "Restart-VM")
                || (!Force && !await context.ShouldContinueAsync($"Restart the virtual machine '{machine.Name}'? What its guest did not write is lost.", "Restart-VM")))
            {
                continue;
            }

            await GuardAsync(context, async () =>
            {
                await machines.ResetAsync(machine.Id, context.Cancellation);
                if (Wait)
                {
                    await GuestWaiter.WaitAsync(context, [machine.Id], For ?? WaitVMTypes.Heartbeat, Timeout, Delay);
                }

                if (Passthru)
                {
                    WriteMachine(context, machine.Id);
                }
            });
        }
    }
}
