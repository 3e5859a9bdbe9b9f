using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Finds switches by name.</summary>
public static class SwitchFinder
{
    /// <summary>The one switch of that name.</summary>
    public static SwitchConfiguration Single(CommandContext context, string name)
    {
        var found = context.Service<ISwitches>().All.Where(candidate => string.Equals(candidate.Name, name, StringComparison.OrdinalIgnoreCase)).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw Errors.NotFound($"There is no virtual switch named '{name}' on this host; 'Get-VMSwitch' lists those that exist.", name),
            _ => throw new CommandException(
                "InvalidOperation", ErrorCategory.InvalidOperation,
                $"{found.Count} virtual switches are named '{name}'; rename all but one, or use the switch object.", name),
        };
    }
}
