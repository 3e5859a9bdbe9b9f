using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Migration;

/// <summary>Changes a network that is chosen for migration.</summary>
[Command("Set", "VMMigrationNetwork", DefaultParameterSetName = "ComputerName", SupportsShouldProcess = true)]
[OutputType(typeof(VMMigrationNetwork))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "it is no network")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the network is not chosen")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the new network is chosen already")]
[Example("Set-VMMigrationNetwork 192.168.10.0/24 192.168.11.0/24 -NewPriority 4", "Takes 192.168.11.0/24 instead of 192.168.10.0/24.")]
public sealed class SetVMMigrationNetwork : Command
{
    /// <summary>The network.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? Subnet { get; set; }

    /// <summary>The network that takes its place.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    public string? NewSubnet { get; set; }

    /// <summary>Its new priority: networks are taken in ascending order.</summary>
    [Parameter]
    public uint? NewPriority { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the network to the output.</summary>
    [Parameter]
    public Framework.Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>();
        var subnet = MigrationRules.Subnet(Subnet!);
        var wanted = NewSubnet is null ? subnet : MigrationRules.Subnet(NewSubnet);
        if (!await context.ShouldProcessAsync(subnet, "Set-VMMigrationNetwork"))
        {
            return;
        }

        MigrationNetwork? changed = null;
        host.Change(settings =>
        {
            var networks = settings.MigrationNetworks ?? [];
            var known = networks.FirstOrDefault(network => network.Subnet == subnet)
                ?? throw Errors.NotFound($"The network {subnet} is not chosen for migration; 'Get-VMMigrationNetwork' shows those that are.", subnet);
            if (wanted != subnet && networks.Any(network => network.Subnet == wanted))
            {
                throw Errors.Exists($"The network {wanted} is chosen for migration already.", wanted);
            }

            changed = new MigrationNetwork(wanted, NewPriority ?? known.Priority);
            return settings with { MigrationNetworks = [.. networks.Select(network => ReferenceEquals(network, known) ? changed : network)] };
        });
        await MigrationRules.ApplyAsync(context);
        if (Passthru)
        {
            context.WriteObject(MigrationRules.Describe(changed!, host));
        }
    }
}
