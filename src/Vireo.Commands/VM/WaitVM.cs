using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Waits until the guests of virtual machines have come up.</summary>
[Command("Wait", "VM", DefaultParameterSetName = "Name", SupportsAsJob = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("OperationTimeout", ErrorCategory.OperationTimeout, "the guest did not come up in time")]
[Example("Wait-VM web1 -For Heartbeat -Timeout 120", "Waits up to two minutes until the guest of web1 answers.")]
public sealed class WaitVM : NamedMachineCommand
{
    /// <summary>What to wait for.</summary>
    [Parameter]
    public WaitVMTypes? For { get; set; }

    /// <summary>Seconds to wait between looks.</summary>
    [Parameter]
    public ushort? Delay { get; set; }

    /// <summary>Seconds to wait at most; without it, or with -1, as long as it takes.</summary>
    [Parameter]
    [Alias("TimeoutSec")]
    public int? Timeout { get; set; }

    /// <summary>Write the machines to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var machines = Machines(context);
        await GuestWaiter.WaitAsync(context, [.. machines.Select(machine => machine.Id)], For ?? WaitVMTypes.Heartbeat, Timeout, Delay);
        if (Passthru)
        {
            machines.ForEach(machine => WriteMachine(context, machine.Id));
        }
    }
}
