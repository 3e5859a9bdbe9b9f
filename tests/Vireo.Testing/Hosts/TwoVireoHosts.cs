namespace Vireo.Testing.Hosts;

/// <summary>Two complete hosts with a cable between them, which trust each other and let machines move: set up with the commands that a user types.</summary>
public sealed class TwoVireoHosts : IAsyncDisposable
{
    private TwoVireoHosts(VireoHost first, VireoHost second)
    {
        (First, Second) = (first, second);
        Link = NetworkLink.Connect(first.Network, second.Network);
    }

    /// <summary>The host <c>alpha</c>, at <see cref="NetworkLink.FirstAddress"/>; it has the authority.</summary>
    public VireoHost First { get; }

    /// <summary>The host <c>beta</c>, at <see cref="NetworkLink.SecondAddress"/>.</summary>
    public VireoHost Second { get; }

    /// <summary>The cable.</summary>
    public NetworkLink Link { get; }

    /// <summary>Starts both.</summary>
    /// <param name="sharedMemoryDisks">See <see cref="VireoHost.StartAsync"/>.</param>
    public static async Task<TwoVireoHosts> StartAsync(bool sharedMemoryDisks = false)
    {
        var first = await VireoHost.StartAsync(sharedMemoryDisks, "alpha");
        VireoHost? second = null;
        try
        {
            second = await VireoHost.StartAsync(sharedMemoryDisks, "beta");
            var hosts = new TwoVireoHosts(first, second);
            foreach (var host in new[] { first, second })
            {
                await host.CheckAsync("Add-VMMigrationNetwork", NetworkLink.Subnet);
                await host.CheckAsync("Enable-VMMigration");
            }

            var invitation = (await first.CheckAsync("trust", "invite")).Trim();
            await second.CheckAsync("trust", "join", invitation);
            return hosts;
        }
        catch
        {
            await first.DisposeAsync();
            if (second is not null)
            {
                await second.DisposeAsync();
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }
}
