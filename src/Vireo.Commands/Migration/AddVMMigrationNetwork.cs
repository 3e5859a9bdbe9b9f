using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Migration;

/// <summary>Chooses a network for migration: machines come and go over it.</summary>
[Command("Add", "VMMigrationNetwork", SupportsShouldProcess = true)]
[OutputType(typeof(VMMigrationNetwork))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "it is no network")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the network is chosen already")]
[Example("Add-VMMigrationNetwork 192.168.10.0/24 -Priority 1", "Chooses the network 192.168.10.0/24; it is taken before those of higher numbers.")]
public sealed class AddVMMigrationNetwork : Command
{
    /// <summary>The network, <c>192.168.10.0/24</c>, or one address.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string? Subnet { get; set; }

    /// <summary>Networks are taken in ascending order; 0 when left out.</summary>
    [Parameter(Position = 1)]
    public uint? Priority { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the network to the output.</summary>
    [Parameter]
    public Framework.Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>();
        var network = new MigrationNetwork(MigrationRules.Subnet(Subnet!), Priority ?? 0);
        if (!await context.ShouldProcessAsync(network.Subnet, "Add-VMMigrationNetwork"))
        {
            return;
        }

        host.Change(settings => (settings.MigrationNetworks ?? []).Any(other => other.Subnet == network.Subnet)
            ? throw Errors.Exists($"The network {network.Subnet} is chosen for migration already; 'Set-VMMigrationNetwork' changes it.", network.Subnet)
            : settings with { MigrationNetworks = [.. settings.MigrationNetworks ?? [], network] });
        await MigrationRules.ApplyAsync(context);
        if (Passthru)
        {
            context.WriteObject(MigrationRules.Describe(network, host));
        }
    }
}
