using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Platform.Net;

namespace Vireo.Switch.Nat;

/// <summary>
/// The gateway of an internal switch: its tap has the first address of a private network, guests get addresses by DHCP and go out
/// under the machine's own address. Where forwarding is impossible, guests and host still reach each other and addresses are given out.
/// </summary>
internal sealed class NatNetwork(NatServices services, Guid id, IPv4Subnet subnet, string interfaceName)
{
    private const string ForwardingSwitch = "/proc/sys/net/ipv4/ip_forward";

    private readonly DnsmasqProcess _dnsmasq = new(services, id);
    private string? _fault;

    /// <summary>The tap.</summary>
    public string InterfaceName { get; } = interfaceName;

    /// <summary>What a gateway, there or not, says of itself.</summary>
    public static NatStatus Describe(NatNetwork? gateway, IPv4Subnet subnet) => new(
        subnet.ToString(),
        subnet.At(1).ToString(),
        gateway?.InterfaceName,
        gateway?.ReadLeases() ?? [],
        gateway is null ? "The switch has no management adapter, so it has no gateway." : gateway._fault);

    /// <summary>Makes everything as it should be; what is so already is left alone.</summary>
    public async Task StartAsync()
    {
        List<string> faults = [];
        await TryAsync(faults, () =>
        {
            NetworkInterfaces.SetIPv4Address(InterfaceName, subnet.At(1), subnet.PrefixLength);
            return Task.CompletedTask;
        });
        await TryAsync(faults, EnableForwardingAsync);
        await TryAsync(faults, () => NatServices.RunAsync("nft", TranslationRules.Replace(id, InterfaceName, subnet), "-f", "-"));
        await TryAsync(faults, () => _dnsmasq.EnsureAsync(Settings()));
        _fault = faults.Count == 0 ? null : string.Join(' ', faults);
    }

    /// <summary>Ends the services; what lies in the kernel stays for the next start.</summary>
    public async Task PauseAsync()
    {
        await _dnsmasq.StopAsync();
        _dnsmasq.Dispose();
    }

    /// <summary>Takes everything down. The leases are kept.</summary>
    public async Task StopAsync()
    {
        await PauseAsync();
        List<string> faults = [];
        await TryAsync(faults, () => NatServices.RunAsync("nft", TranslationRules.Remove(id), "-f", "-"));
    }

    /// <summary>Settings of dnsmasq, one a line, as on its command line.</summary>
    internal string Settings()
    {
        var gateway = subnet.At(1);
        var mask = new IPv4Subnet(subnet.Mask, 32).At(0);
        var last = subnet.At(subnet.Last - subnet.Network - 1);
        return string.Create(CultureInfo.InvariantCulture, $"""
            keep-in-foreground
            log-facility=-
            pid-file=
            interface={InterfaceName}
            except-interface=lo
            bind-dynamic
            domain-needed
            bogus-priv
            no-ping
            dhcp-authoritative
            dhcp-leasefile={_dnsmasq.LeasesPath}
            dhcp-lease-max=4000
            dhcp-range={subnet.At(16)},{last},{mask},12h
            dhcp-option=option:router,{gateway}
            dhcp-option=option:dns-server,{gateway}

            """);
    }

    private static async Task EnableForwardingAsync()
    {
        if ((await File.ReadAllTextAsync(ForwardingSwitch)).Trim() != "1")
        {
            await File.WriteAllTextAsync(ForwardingSwitch, "1");
        }
    }

    private IReadOnlyList<NatLease> ReadLeases() => File.Exists(_dnsmasq.LeasesPath) ? LeaseFile.Read(File.ReadAllText(_dnsmasq.LeasesPath)) : [];

    private async Task TryAsync(List<string> faults, Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            faults.Add(exception.Message);
            NatLog.StepFailed(services.Log, exception, InterfaceName);
        }
    }
}

/// <summary>What gateways write into the log.</summary>
internal static partial class NatLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "The gateway at '{InterfaceName}' is incomplete")]
    public static partial void StepFailed(ILogger logger, Exception exception, string interfaceName);
}
