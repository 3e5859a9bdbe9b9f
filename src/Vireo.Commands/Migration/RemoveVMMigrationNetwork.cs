using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Migration;

/// <summary>Takes a network for migration no longer.</summary>
[Command("Remove", "VMMigrationNetwork", SupportsShouldProcess = true)]
[OutputType(typeof(VMMigrationNetwork))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "it is no network")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the network is not chosen")]
[Example("Remove-VMMigrationNetwork 192.168.10.0/24", "Lets no machines migrate over 192.168.10.0/24 any more.")]
public sealed class RemoveVMMigrationNetwork : Command
{
    /// <summary>The network; wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Subnet { get; set; }

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
        var isPattern = Wildcard.IsPattern(Subnet!);
        var subnet = isPattern ? Subnet! : MigrationRules.Subnet(Subnet!);
        bool IsMeant(MigrationNetwork network) => isPattern ? Wildcard.Matches(subnet, network.Subnet) : network.Subnet == subnet;
        var gone = (host.Current.MigrationNetworks ?? []).Where(IsMeant).ToList();
        if (gone.Count == 0 && !isPattern)
        {
            throw Errors.NotFound($"The network {subnet} is not chosen for migration; 'Get-VMMigrationNetwork' shows those that are.", subnet);
        }

        foreach (var network in gone)
        {
            if (!await context.ShouldProcessAsync(network.Subnet, "Remove-VMMigrationNetwork"))
            {
                continue;
            }

            host.Change(settings => settings with { MigrationNetworks = [.. (settings.MigrationNetworks ?? []).Where(other => other.Subnet != network.Subnet)] });
            await MigrationRules.ApplyAsync(context);
            if (Passthru)
            {
                context.WriteObject(MigrationRules.Describe(network, host));
            }
        }
    }
}
