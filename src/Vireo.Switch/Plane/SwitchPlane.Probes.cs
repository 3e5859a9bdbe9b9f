using System.Net;
using Vireo.Control.Switching;
using Vireo.Switch.Acls;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Plane;

/// <summary>Tests of the way between stations.</summary>
internal sealed partial class SwitchPlane
{
    private const int ProbeWaitDefault = 2000;
    private const int ProbeWaitMax = 60_000;
    private const int ProbePayloadMax = 1400;

    /// <summary>Sends a request in the name of whoever is behind a port, and waits for its answer; or waits for one that comes to the port.</summary>
    /// <exception cref="Control.ControlException">It cannot be sent.</exception>
    public async Task<ProbeReport> ProbeAsync(Guid id, ProbeRequest asked, CancellationToken cancellation)
    {
        if (!IPAddress.TryParse(asked.SenderAddress, out var sender) || !IPAddress.TryParse(asked.ReceiverAddress, out var receiver) || sender.AddressFamily != receiver.AddressFamily)
        {
            throw Refusals.Invalid($"'{asked.SenderAddress}' and '{asked.ReceiverAddress}' are not two IPv4 or two IPv6 addresses.", asked.ReceiverAddress);
        }

        if (asked.Sequence is < 0 or > ushort.MaxValue || asked.VlanId is < 0 or > 4094 || asked.PayloadBytes is < 0 or > ProbePayloadMax || asked.WaitMilliseconds is < 0 or > ProbeWaitMax)
        {
            throw Refusals.Invalid(
                $"A test has a number from 0 to {ushort.MaxValue}, a VLAN up to 4094, a payload of at most {ProbePayloadMax} bytes, and waits for at most {ProbeWaitMax} ms.", asked.Sequence.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        // Zero stands for a request of anybody.
        var probe = new EchoProbe(sender, receiver, asked.IsReceiver ? (ushort)0 : (ushort)_random.Next(1, ushort.MaxValue), (ushort)asked.Sequence);
        var session = await Traces.FollowAsync(new TraceRequest($"(icmp or icmp6) and host {sender} and host {receiver}"), EchoProbe.KnownByBytes);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(asked.WaitMilliseconds == 0 ? ProbeWaitDefault : asked.WaitMilliseconds), _clock);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        FrameReport? request = null;
        try
        {
            if (!asked.IsReceiver)
            {
                await SendAsync(id, probe, asked);
            }

            while (true)
            {
                var trace = await session.Traces.ReadAsync(limit.Token);
                var report = trace.ToReport();
                if (probe.IsRequest(trace.Bytes) && (asked.IsReceiver ? report.Receivers.Contains(id) : report.Port == id))
                {
                    request = report;
                    if (asked.IsReceiver || report.Decision == TraceDecision.Dropped)
                    {
                        return new ProbeReport(request, null, -1);
                    }
                }
                else if (request is not null && probe.IsAnswer(trace.Bytes))
                {
                    return new ProbeReport(request, report, (report.Time - request.Time).TotalMilliseconds);
                }
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new ProbeReport(request, null, -1);
        }
        finally
        {
            await Traces.EndAsync(session.Id);
        }
    }

    private Task SendAsync(Guid id, EchoProbe probe, ProbeRequest asked) => UnderGateAsync(async () =>
    {
        if (!_ports.TryGetValue(id, out var live) || live.State is not { Switch: { } home } state)
        {
            throw Refusals.NotFound($"The port {id:D} is not there, or on no switch.", id.ToString("D"));
        }

        var vlan = asked.VlanId != 0 ? asked.VlanId : live.Specification.VlanMode == PortVlanMode.Access ? live.Specification.AccessVlanId : 0;
        if (!MacAddress.TryParse(asked.NextHop, out var next))
        {
            if (asked.NextHop is not null)
            {
                throw Refusals.Invalid($"'{asked.NextHop}' is not an Ethernet address.", asked.NextHop);
            }

            var known = await _threads.First.Reactor.InvokeAsync(() => home.Owners.StationOf(AclAddress.Parse(asked.ReceiverAddress).Value, home.LearningVlan((ushort)vlan), _threads.First.Forwarder.Now));
            next = known ?? throw Refusals.NotFound(
                $"The switch does not know who has the address {asked.ReceiverAddress}; say which Ethernet address is the next hop.", asked.ReceiverAddress);
        }

        _ = MacAddress.TryParse(live.Specification.MacAddress, out var source);
        var frame = probe.ToFrame(next, source, asked.VlanId, asked.PayloadBytes);
        await _threads.StopAsync(() =>
        {
            state.Carrier!.Ingress.Add(frame);
            state.Carrier.Forward(state);
        });
        return true;
    });
}
