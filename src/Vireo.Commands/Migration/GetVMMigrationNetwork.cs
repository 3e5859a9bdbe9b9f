using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Migration;

/// <summary>Gets the networks that are chosen for migration.</summary>
[Command("Get", "VMMigrationNetwork")]
[OutputType(typeof(VMMigrationNetwork))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the network is not chosen")]
[Example("Get-VMMigrationNetwork", "Shows the networks that machines migrate over.")]
public sealed class GetVMMigrationNetwork : Command
{
    /// <summary>Networks; wildcards are allowed. All when left out.</summary>
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Subnet { get; set; }

    /// <summary>Only those of these priorities.</summary>
    [Parameter]
    public uint[]? Priority { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>();
        var all = (host.Current.MigrationNetworks ?? []).Where(network => Priority is null || Priority.Contains(network.Priority)).OrderBy(static network => network.Priority).ToList();
        foreach (var missing in (Subnet ?? []).Where(pattern => !Wildcard.IsPattern(pattern) && !all.Exists(network => Names(pattern, network))))
        {
            context.WriteError(Errors.NotFound($"The network {missing} is not chosen for migration; 'Get-VMMigrationNetwork' shows those that are.", missing));
        }

        foreach (var network in all.Where(network => Subnet is null || Subnet.Any(pattern => Names(pattern, network))))
        {
            context.WriteObject(MigrationRules.Describe(network, host));
        }

        return Task.CompletedTask;
    }

    private static bool Names(string pattern, MigrationNetwork network) => Wildcard.IsPattern(pattern) ? Wildcard.Matches(pattern, network.Subnet) : MigrationRules.Subnet(pattern) == network.Subnet;
}
