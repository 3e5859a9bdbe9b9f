namespace Vireo.Commands.Framework;

/// <summary>The commands a host offers, by name and alias, without regard to case.</summary>
public sealed class CommandRegistry
{
    private readonly Dictionary<string, CommandDescriptor> _byName = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Offers the given commands.</summary>
    public CommandRegistry(IEnumerable<CommandDescriptor> descriptors)
    {
        Commands = [.. descriptors.OrderBy(static descriptor => descriptor.Info.Name, StringComparer.Ordinal)];
        foreach (var descriptor in Commands)
        {
            _byName.Add(descriptor.Info.Name, descriptor);
            foreach (var alias in descriptor.Info.Aliases)
            {
                _byName.Add(alias, descriptor);
            }
        }
    }

    /// <summary>All, ordered by name.</summary>
    public IReadOnlyList<CommandDescriptor> Commands { get; }

    /// <summary>The command with this name or alias, or null.</summary>
    public CommandDescriptor? Find(string name) => _byName.GetValueOrDefault(name);
}
