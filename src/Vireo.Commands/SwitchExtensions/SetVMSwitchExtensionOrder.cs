using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>
/// Orders the extensions of a switch, from the ports towards the lookup. Those that are not named keep their order behind the named ones; capture
/// extensions stand before the others and forwarding behind them in any order.
/// </summary>
[Command("Set", "VMSwitchExtensionOrder", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch, or no extension of it, has the name")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no switch has the name")]
[Example("Set-VMSwitchExtensionOrder inside 'Stateful firewall',Marker", "Frames from ports pass the firewall first.")]
public sealed class SetVMSwitchExtensionOrder : ExtensionCommand
{
    /// <summary>Name of the switch.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string VMSwitchName { get; set; } = "";

    /// <summary>Names of extensions, the first next to the ports.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var on = SwitchFinder.Single(context, VMSwitchName);
        var mapper = await ExtensionMapper.CreateAsync(context);
        var first = Name!.SelectMany(name => mapper.Find([name])).Select(one => one.Id).Distinct().ToList();
        if (!await context.ShouldProcessAsync(on.Name, "Set-VMSwitchExtensionOrder"))
        {
            return;
        }

        await GuardAsync(context, async () =>
        {
            var after = await context.Service<ISwitches>().ChangeAsync(
                on.Id,
                c => c with
                {
                    Extensions =
                    [
                        .. first.Select(id => c.Extensions.FirstOrDefault(one => one.ExtensionId == id) ?? new SwitchExtensionConfiguration(id, false)),
                        .. c.Extensions.Where(one => !first.Contains(one.ExtensionId)),
                    ],
                },
                context.Cancellation);
            foreach (var one in await mapper.OnSwitchAsync(after, context))
            {
                context.WriteObject(one);
            }
        });
    }
}
