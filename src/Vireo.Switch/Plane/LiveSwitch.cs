using Vireo.Control.Switching;
using Vireo.Platform.Net;
using Vireo.Switch.Extensions;
using Vireo.Switch.Nat;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Plane;

/// <summary>A switch that was asked for, and what became of it. For the control side, one call at a time.</summary>
internal sealed class LiveSwitch(SwitchSpecification specification, SwitchState state, ExtensionChain chain)
{
    private int _uplinkIndex;

    /// <summary>What was asked for.</summary>
    public SwitchSpecification Specification { get; set; } = specification;

    /// <summary>The switch in the pipeline.</summary>
    public SwitchState State { get; } = state;

    /// <summary>Its extensions.</summary>
    public ExtensionChain Chain { get; } = chain;

    /// <summary>The way out, or null.</summary>
    public PortState? Uplink { get; private set; }

    /// <summary>Interface of <see cref="Uplink"/>.</summary>
    public string? UplinkInterface { get; private set; }

    /// <summary>Network behind the address translation, in prefix notation; chosen once.</summary>
    public IPv4Subnet? NatSubnet { get; set; }

    /// <summary>The gateway, while the switch has a management adapter.</summary>
    public NatNetwork? Nat { get; set; }

    /// <summary>Why the switch does not work fully.</summary>
    public string? Fault { get; set; }

    /// <summary>Exchanges the uplink. When the new one cannot be opened the old one stays.</summary>
    /// <param name="threads">The packet threads.</param>
    /// <param name="compiler">Makes its policy.</param>
    /// <param name="interfaceName">The interface, or null for none.</param>
    /// <exception cref="IOException">The interface cannot be opened.</exception>
    public async Task SetUplinkAsync(PacketThreads threads, PolicyCompiler compiler, string? interfaceName)
    {
        // An interface that vanished and came back has another number; the old socket sees nothing of it.
        var index = interfaceName is null ? 0 : NetworkInterfaces.Find(interfaceName)?.Index ?? 0;
        if (interfaceName == UplinkInterface && index == _uplinkIndex)
        {
            return;
        }

        PortState? next = null;
        if (interfaceName is not null)
        {
            NetworkInterfaces.SetUp(interfaceName, up: true);
            next = new PortState(Specification.Id, compiler.CompileUplink(), new UplinkPort(threads.NewSeat(), PacketSocket.Open(interfaceName), NetworkInterfaces.SpeedOf(interfaceName)));
        }

        if (next is not null)
        {
            await JoinAsync(next, interfaceName!);
        }

        var previous = Uplink;
        await threads.StopAsync(() =>
        {
            if (previous is not null)
            {
                State.Remove(previous);
                previous.BackEnd.Stop();
            }

            if (next is not null)
            {
                State.Add(next);
                Chain.Seated(next);
                next.BackEnd.Start(next, threads.First.Forwarder);
            }
        });
        Uplink = next;
        UplinkInterface = interfaceName;
        _uplinkIndex = index;
        if (previous is not null)
        {
            await threads.ForgetAsync(previous);
            await Chain.LeaveAsync(previous);
        }

        if (next is not null)
        {
            await Chain.JoinedAsync(next);
        }
    }

    private async Task JoinAsync(PortState next, string interfaceName)
    {
        try
        {
            await Chain.JoinAsync(next, PortFacts.Uplink(Specification, interfaceName));
        }
        catch
        {
            // Opened, and never started.
            next.BackEnd.Stop();
            throw;
        }
    }
}
