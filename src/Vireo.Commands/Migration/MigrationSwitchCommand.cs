using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Migration;

/// <summary>Base of the commands that switch migration on and off.</summary>
public abstract class MigrationSwitchCommand : Command
{
    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName", Position = 0)]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the host to the output.</summary>
    [Parameter]
    public Framework.Switch Passthru { get; set; }

    /// <summary>Switches.</summary>
    private protected async Task SwitchAsync(CommandContext context, bool enabled)
    {
        var host = context.Service<IHostSettings>();
        if (!await context.ShouldProcessAsync(host.Facts.Name, enabled ? "Enable-VMMigration" : "Disable-VMMigration"))
        {
            return;
        }

        host.Change(settings => settings with { VirtualMachineMigrationEnabled = enabled });
        await MigrationRules.ApplyAsync(context);
        if (Passthru)
        {
            context.WriteObject(HostMapper.Host(host));
        }
    }
}
