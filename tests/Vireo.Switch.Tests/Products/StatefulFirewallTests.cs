using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Extensions;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Products;

public sealed class StatefulFirewallTests : IAsyncDisposable
{
    private const string Settings = "f12e0a11-7a1c-4c57-9c0a-2a7c1c9d0002";
    private const string PortSettings = "f12e0a11-7a1c-4c57-9c0a-2a7c1c9d0003";
    private const string Rules = """
        { "Tenants": [
          { "Name": "red", "Rules": [
            { "Allow": false, "Protocol": "UDP", "LocalPort": "53", "RemoteAddress": "10.0.0.66" },
            { "Protocol": "UDP", "LocalPort": "53,5000-5010", "RemoteAddress": "10.0.0.0/24" },
            { "Allow": false, "Direction": "Outbound", "RemoteAddress": "10.0.9.0/24" } ] },
          { "Name": "blue", "AllowInbound": true, "AllowOutbound": false } ] }
        """;

    private readonly ExtendedSwitch _switch = new();

    public ValueTask DisposeAsync() => _switch.DisposeAsync();

    [Fact]
    [Requirement("SW-12")]
    public async Task Each_tenant_has_its_own_rules_and_a_change_holds_for_what_goes_on()
    {
        var product = _switch.InstallFrom(ProductFolder.Of("StatefulFirewall"));
        Task Set(string json) => _switch.Chain.ApplyAsync([new SwitchExtensionSpecification(product.Manifest.Id, true, [ExtendedSwitch.Feature(product, Settings, json)])]);
        await Set(Rules);
        var (red, _) = await _switch.AddPortAsync(null, Tenant(product, "red"));
        var (blue, _) = await _switch.AddPortAsync(null, Tenant(product, "blue"));
        var (world, _) = await _switch.AddPortAsync();
        foreach (var (end, station) in new[] { (red, 1), (blue, 2), (world, 3) })
        {
            end.Inject(Ethernet(MacAddress.Broadcast, Station(station)));
        }

        red.Drain();
        blue.Drain();
        world.Drain();

        bool ToRed(string from, int port) => Passes(world, red, Packets.Udp(Station(1), Station(3), from, "10.0.1.1", 9, port));
        Assert.True(ToRed("10.0.0.5", 53));
        Assert.True(ToRed("10.0.0.5", 5005));
        Assert.False(ToRed("10.0.0.5", 5011));
        Assert.False(ToRed("10.0.0.66", 53));
        Assert.False(ToRed("10.0.2.5", 53));
        Assert.True(Passes(red, world, Packets.Udp(Station(3), Station(1), "10.0.1.1", "10.0.8.1", 7, 7)));
        Assert.False(Passes(red, world, Packets.Udp(Station(3), Station(1), "10.0.1.1", "10.0.9.1", 7, 7)));
        Assert.True(Passes(world, blue, Packets.Udp(Station(2), Station(3), "10.0.7.7", "10.0.1.2", 1, 2)));
        Assert.True(Passes(blue, world, Packets.Udp(Station(3), Station(2), "10.0.1.2", "10.0.7.7", 2, 1)));
        Assert.False(Passes(blue, world, Packets.Udp(Station(3), Station(2), "10.0.1.2", "10.0.7.8", 2, 1)));

        // ARP and what is not guarded pass; a conversation that was allowed ends with its rule.
        Assert.True(Passes(blue, world, Packets.Arp(Station(2), "10.0.1.2", "10.0.1.9")));
        red.Drain();
        await Set(Rules.Replace("53,5000-5010", "5000-5010", StringComparison.Ordinal));
        Assert.False(ToRed("10.0.0.5", 53));
        Assert.True(ToRed("10.0.0.5", 5005));
        var data = await _switch.DataAsync(product);
        Assert.True(data.GetProperty("Allowed").GetInt64() > 0 && data.GetProperty("Denied").GetInt64() > 0 && data.GetProperty("Connections").GetInt32() > 0);
    }

    [Theory]
    [InlineData("""{ "Tenants": [{ "Name": "" }] }""", "name of its own")]
    [InlineData("""{ "Tenants": [{ "Name": "a", "Rules": [{ "Direction": "Up" }] }] }""", "neither Inbound nor Outbound")]
    [InlineData("""{ "Tenants": [{ "Name": "a", "Rules": [{ "LocalPort": "80" }] }] }""", "ports need the protocol")]
    [InlineData("""{ "Tenants": [{ "Name": "a", "Rules": [{ "RemoteAddress": "10.0.0.0/33" }] }] }""", "is not 0 to 32")]
    [InlineData("""{ "Tenants": [{ "Name": "a", "Rules": [{ "Protocol": "TCP", "RemotePort": "9-1" }] }] }""", "no list of ports")]
    [Requirement("SW-9")]
    public async Task Rules_that_cannot_be_are_refused_with_the_reason(string json, string why)
    {
        var product = _switch.InstallFrom(ProductFolder.Of("StatefulFirewall"));
        await _switch.EnableAsync(product);
        var refusal = await Assert.ThrowsAsync<ControlException>(
            () => _switch.Chain.ApplyAsync([new SwitchExtensionSpecification(product.Manifest.Id, true, [ExtendedSwitch.Feature(product, Settings, json)])]));
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
        Assert.True(_switch.Chain.Describe()[0].Running);
    }

    private static ExtensionFeatureSpecification Tenant(ExtensionPackage product, string name) => ExtendedSwitch.Feature(product, PortSettings, $$"""{"Tenant":"{{name}}"}""");

    private static bool Passes(InMemoryPort from, InMemoryPort to, byte[] frame)
    {
        from.Inject(frame);
        return to.Drain() == 1;
    }
}
