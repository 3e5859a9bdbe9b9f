using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Switching;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>
/// Tests the way between two virtual machines: sends an ICMP echo request in the name of an adapter and waits two seconds for the answer, or waits
/// half a minute for such a request to reach an adapter. Neither guest takes part in sending; the receiver's guest answers as it answers a ping.
/// </summary>
[Command("Test", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterConnectionTestResult))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name, the adapter is on no switch, or nobody is known to have the receiver's address")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "an address or a number cannot be used, both -Sender and -Receiver are given, or there is no such adapter")]
[CommandError("OperationTimeout", ErrorCategory.OperationTimeout, "no answer came, or no request")]
[Example("Test-VMNetworkAdapter web1 -Sender -SenderIPAddress 10.0.0.1 -ReceiverIPAddress 10.0.0.2 -SequenceNumber 1", "Pings 10.0.0.2 in the name of web1.")]
public sealed class TestVMNetworkAdapter : AdapterCommand
{
    private const int ReceiverPatienceMilliseconds = 30_000;

    /// <summary>Adapter, as Get-VMNetworkAdapter writes it.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VMNetworkAdapter? VMNetworkAdapter { get; set; }

    /// <summary>Name of a virtual machine.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Virtual machine.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine? VM { get; set; }

    /// <summary>Name of the adapter; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>The adapter sends; the default.</summary>
    [Parameter]
    public Switch Sender { get; set; }

    /// <summary>The adapter receives.</summary>
    [Parameter]
    public Switch Receiver { get; set; }

    /// <summary>Address that the request comes from.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? SenderIPAddress { get; set; }

    /// <summary>Address that it goes to.</summary>
    [Parameter(Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? ReceiverIPAddress { get; set; }

    /// <summary>Number of the request, 0 to 65535.</summary>
    [Parameter(Mandatory = true)]
    public int? SequenceNumber { get; set; }

    /// <summary>Ethernet address that the request is sent to; the station that has the receiver's address when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? NextHopMacAddress { get; set; }

    /// <summary>VLAN of a trunk that the request is sent in.</summary>
    [Parameter]
    public int? IsolationId { get; set; }

    /// <summary>Bytes of payload, at most 1400.</summary>
    [Parameter]
    public int? PayloadSize { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the result to the output, also when no answer came.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (Sender && Receiver)
        {
            throw Errors.Invalid("An adapter is the sender or the receiver of a test; give one of -Sender and -Receiver.", null);
        }

        var next = NextHopMacAddress is null ? null : MacAddresses.Parse(NextHopMacAddress);
        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, [VMNetworkAdapter])
            : OfMachines(context, Resolve(context, VMName is null ? null : [VMName], VM is null ? null : [VM]), Name is null ? null : [Name]);
        foreach (var adapter in adapters.ToList())
        {
            if (await context.ShouldProcessAsync(adapter.Machine.Name, "Test-VMNetworkAdapter"))
            {
                await GuardAsync(context, () => TestAsync(context, adapter.Machine, adapter.Adapter, next));
            }
        }
    }

    private async Task TestAsync(CommandContext context, VirtualMachineConfiguration machine, Guid adapter, string? next)
    {
        var request = new ProbeRequest(
            SenderIPAddress!, ReceiverIPAddress!, SequenceNumber!.Value, next, IsolationId ?? 0, PayloadSize ?? 0, Receiver, Receiver ? ReceiverPatienceMilliseconds : 0);
        var report = await context.Service<ISwitches>().ProbeAsync(adapter, request, context.Cancellation);
        var names = new TraceNames(context);
        var isGood = Receiver ? report.Request is not null : report.Answer is not null;
        if (isGood || Passthru)
        {
            context.WriteObject(new VMNetworkAdapterConnectionTestResult
            {
                ComputerName = context.Service<IHostSettings>().Facts.Name,
                SequenceNumber = SequenceNumber.Value,
                SenderIPAddress = SenderIPAddress!,
                ReceiverIPAddress = ReceiverIPAddress!,
                RoundTripTime = report.Answer is null ? null : report.Milliseconds,
                Request = report.Request is null ? null : names.Of(report.Request),
                Answer = report.Answer is null ? null : names.Of(report.Answer),
            });
        }

        if (!isGood)
        {
            throw new CommandException("OperationTimeout", ErrorCategory.OperationTimeout, Why(report, machine.Name), machine.Name);
        }
    }

    private string Why(ProbeReport report, string machine) => report.Request switch
    {
        null when Receiver => $"No request number {SequenceNumber} from {SenderIPAddress} has reached the virtual machine '{machine}'; trace the switch with Trace-VMNetwork to see why.",
        { Decision: TraceDecision.Dropped } dropped =>
            $"The switch dropped the request: {dropped.Reason}{(dropped.Rule is null ? "" : $" ({dropped.Rule})")}. Change what holds at the adapters, or test another way.",
        _ => $"{ReceiverIPAddress} has not answered; check that its guest answers pings, and trace the way with Trace-VMNetwork.",
    };
}
