using Vireo.Testing.Hosts;

namespace Vireo.SystemTests;

/// <summary>One host for all tests that can share one: its start costs seconds. Each test names its machines and switches for itself.</summary>
public sealed class SystemHost : IAsyncLifetime
{
    /// <summary>The host.</summary>
    public VireoHost Host { get; private set; } = null!;

    /// <inheritdoc/>
    public async Task InitializeAsync() => Host = await VireoHost.StartAsync();

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (Host is not null)
        {
            await Host.DisposeAsync();
        }
    }
}

/// <summary>The tests that share a host run one after the other: an emulated guest takes a processor for itself.</summary>
[CollectionDefinition(Name)]
public sealed class SystemCollection : ICollectionFixture<SystemHost>
{
    /// <summary>Name of the collection.</summary>
    public const string Name = "system";
}

/// <summary>The tests that kill planes have a host to themselves, so that the others can run beside them.</summary>
[CollectionDefinition(Name)]
public sealed class KillCollection : ICollectionFixture<SystemHost>
{
    /// <summary>Name of the collection.</summary>
    public const string Name = "kill";
}
