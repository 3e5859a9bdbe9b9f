namespace Vireo.Commands.Services;

/// <summary>Users of the host.</summary>
public interface IUsers
{
    /// <summary>The number of a user; null for one whom the host does not know.</summary>
    uint? FindId(string name);

    /// <summary>The name of a user; null for one whom the host does not know.</summary>
    string? FindName(uint id);
}
