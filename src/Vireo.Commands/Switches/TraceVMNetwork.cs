using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Switching;

namespace Vireo.Commands.Switches;

/// <summary>
/// Follows frames through the virtual switches and shows the way of each: where it came from, what every stage said and took, who got it, and
/// the reason and the rule where it ends. Goes on until it is stopped.
/// </summary>
[Command("Trace", "VMNetwork", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMNetworkTrace))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the filter cannot be read, or no virtual machine has the name")]
[Example("Trace-VMNetwork 'tcp and port 80' -Dropped", "Shows frames to or from port 80 that reach nobody, with the reason.")]
[Example("Trace-VMNetwork -VMName web1 -Count 10", "Shows the next ten frames that web1 sends or gets.")]
public sealed class TraceVMNetwork : AdapterCommand
{
    /// <summary>Which frames: arp, ip, ip6, tcp, udp, icmp, icmp6, broadcast, multicast, vlan N, ether N, [src|dst] host ADDRESS, [src|dst] port N, with and, or, not and parentheses.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Filter { get; set; }

    /// <summary>Only frames that adapters of these virtual machines send or get; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Only frames that these adapters send or get, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapter[]? VMNetworkAdapter { get; set; }

    /// <summary>Only frames that reach nobody.</summary>
    [Parameter]
    public Switch Dropped { get; set; }

    /// <summary>End after so many frames; 0 goes on until it is stopped.</summary>
    [Parameter]
    public int? Count { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (Count < 0)
        {
            throw Errors.Invalid("-Count is a number of frames, or 0 for as many as come.", Count);
        }

        IReadOnlyList<Guid>? ports = null;
        if (VMNetworkAdapter is not null)
        {
            ports = [.. FromObjects(context, VMNetworkAdapter).Select(adapter => adapter.Adapter)];
        }
        else if (VMName is not null)
        {
            ports = [.. Resolve(context, VMName, null).SelectMany(machine => machine.NetworkAdapters).Select(adapter => adapter.Id)];
        }

        if (ports is { Count: 0 })
        {
            return;
        }

        var names = new TraceNames(context);
        var left = Count is null or 0 ? long.MaxValue : Count.Value;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        try
        {
            await context.Service<ISwitches>().TraceAsync(
                new TraceRequest(Filter, ports, Dropped),
                report =>
                {
                    if (left > 0)
                    {
                        context.WriteObject(names.Of(report));
                        left--;
                    }

                    if (left == 0)
                    {
                        enough.Cancel();
                    }
                },
                enough.Token);
        }
        catch (OperationCanceledException) when (left == 0)
        {
            // All that was asked for has come.
        }
    }
}
