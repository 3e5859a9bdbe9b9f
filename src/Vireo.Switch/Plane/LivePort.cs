using Vireo.Control.Switching;
using Vireo.Platform.Net;
using Vireo.Platform.Sockets;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Threads;
using Vireo.Vhost;

namespace Vireo.Switch.Plane;

/// <summary>A port that was asked for, and what became of it. For the control side, one call at a time.</summary>
internal sealed class LivePort(PortSpecification specification)
{
    /// <summary>What was asked for.</summary>
    public PortSpecification Specification { get; set; } = specification;

    /// <summary>The port in the pipeline; null when it could not be made.</summary>
    public PortState? State { get; private set; }

    /// <summary>Why it could not be made.</summary>
    public string? Fault { get; set; }

    /// <summary>Makes what stands behind the port and starts it, connected to nothing.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public async Task OpenAsync(PacketThreads threads, PortPolicy policy, Action<VhostUserEvent> observer)
    {
        State = Specification.Kind switch
        {
            PortKind.Tap => await OpenTapAsync(threads, policy),
            PortKind.Packet => await OpenPacketAsync(threads, policy),
            PortKind.Datagram => await OpenDatagramAsync(threads, policy),
            _ => await OpenGuestAsync(threads, policy, observer),
        };
        Fault = null;
    }

    /// <summary>Stops the port, which belongs to no switch any more.</summary>
    /// <param name="threads">The packet threads.</param>
    /// <param name="forever">Also removes what would outlive the plane.</param>
    public async Task CloseAsync(PacketThreads threads, bool forever)
    {
        if (State is not { } state)
        {
            return;
        }

        State = null;
        switch (state.BackEnd)
        {
            case VhostUserPort guest:
                await guest.CloseAsync();
                break;
            case TapPort tap:
                tap.RemovesInterface = forever;
                break;
        }

        await threads.StopAsync(state.BackEnd.Stop);
    }

    /// <summary>Gives the interface of a tap the address that was asked for.</summary>
    public void SetHardwareAddress()
    {
        var bytes = new byte[6];
        if (MacAddress.TryParse(Specification.MacAddress, out var address)
            && NetworkInterfaces.Find(Specification.InterfaceName!) is { } now
            && MacAddress.Read(now.Address.Span) != address)
        {
            address.Write(bytes);
            NetworkInterfaces.SetHardwareAddress(Specification.InterfaceName!, bytes);
        }
    }

    private async Task<PortState> OpenGuestAsync(PacketThreads threads, PortPolicy policy, Action<VhostUserEvent> observer)
    {
        var end = new VhostUserPort(Specification.QueuePairs, threads.NewSeat());
        var state = new PortState(Specification.Id, policy, end);
        var options = new VhostUserBackendOptions
        {
            Name = $"port {Specification.Id:D}",
            SocketGroup = Specification.SocketGroup,
            RequireSealedMemory = !Specification.AllowUnsealedMemory,
            Observer = observer,
        };
        await threads.StopAsync(() => end.Start(state, threads.First.Forwarder));
        if (Specification.SocketConnects)
        {
            end.KeepConnecting(Specification.SocketPath!, options);
        }
        else
        {
            await end.ListenAsync(Specification.SocketPath!, options);
        }

        return state;
    }

    private async Task<PortState> OpenDatagramAsync(PacketThreads threads, PortPolicy policy)
    {
        var end = new DatagramPort(threads.NewSeat(), UnixDatagramSocket.Bind(Specification.SocketPath!, Specification.PeerSocketPath!, Specification.SocketGroup));
        var state = new PortState(Specification.Id, policy, end);
        await threads.StopAsync(() => end.Start(state, threads.First.Forwarder));
        return state;
    }

    private async Task<PortState> OpenPacketAsync(PacketThreads threads, PortPolicy policy)
    {
        var name = Specification.InterfaceName!;
        NetworkInterfaces.SetUp(name, up: true);
        var end = new UplinkPort(threads.NewSeat(), PacketSocket.Open(name), NetworkInterfaces.SpeedOf(name));
        var state = new PortState(Specification.Id, policy, end);
        await threads.StopAsync(() => end.Start(state, threads.First.Forwarder));
        return state;
    }

    private async Task<PortState> OpenTapAsync(PacketThreads threads, PortPolicy policy)
    {
        var name = Specification.InterfaceName!;
        var isNew = NetworkInterfaces.Find(name) is null;
        var tap = TapDevice.Open(name);
        try
        {
            SetHardwareAddress();
            NetworkInterfaces.SetUp(name, up: true);
        }
        catch
        {
            if (isNew)
            {
                tap.Remove();
            }

            tap.Dispose();
            throw;
        }

        var end = new TapPort(threads.NewSeat(), tap);
        var state = new PortState(Specification.Id, policy, end);
        await threads.StopAsync(() => end.Start(state, threads.First.Forwarder));
        return state;
    }
}
