namespace Vireo.Commands.Services;

/// <summary>A network that machines may migrate over.</summary>
/// <param name="Subnet">Network and length of its prefix: <c>192.0.2.0/24</c>, or <c>192.0.2.1/32</c> for one address.</param>
/// <param name="Priority">Networks are tried in ascending order.</param>
public sealed record MigrationNetwork(string Subnet, uint Priority);

/// <summary>Where the host listens for others.</summary>
public interface IMigrationListener
{
    /// <summary>Listens where the settings say now; gives a sentence for each place where it cannot.</summary>
    Task<IReadOnlyList<string>> ApplyAsync(CancellationToken cancellation);
}
