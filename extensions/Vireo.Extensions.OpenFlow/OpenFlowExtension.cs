using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.OpenFlow;

/// <summary>
/// Forwards by flow tables that controllers fill (OpenFlow 1.3). Until one does, frames go where the switch itself would send them. A controller that goes away
/// leaves its entries in force.
/// </summary>
/// <remarks>
/// Spoken are hello, echo, features, configuration, flow modification with time limits and removal messages, packet in and out, barrier, role, port status,
/// and statistics of flows, tables and ports. There are eight tables; actions are output, set-field of Ethernet addresses and VLAN, push and pop of a VLAN tag.
/// Changes stand before outputs, an entry that goes on to another table has no outputs, and groups, meters and buffers are refused.
/// </remarks>
public sealed class OpenFlowExtension : ForwardingExtension, IDatapath, IDisposable
{
    /// <summary>Settings of a switch.</summary>
    public static readonly Guid SettingsId = new("0f1013a0-7a1c-4c57-9c0a-2a7c1c9d0002");

    /// <summary>What is told.</summary>
    public static readonly Guid DataId = new("0f1013a0-7a1c-4c57-9c0a-2a7c1c9d0003");
    private const int SessionsMax = 8;
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(500);
    private static readonly DropReason s_noFlow = DropReason.Register("OpenFlowNoEntry");
    private static readonly DropReason s_dropped = DropReason.Register("OpenFlowDropped");
    private static readonly DropReason s_toController = DropReason.Register("OpenFlowToController");
    private readonly SwitchFeature<OpenFlowSettings> _settings = new(SettingsId, "OpenFlow", OpenFlowJson.Default.OpenFlowSettings);
    private readonly PacketInRing _ring = new();
    private readonly AutoResetEvent _hasPacket = new(false);
    private readonly Lock _lock = new();
    private Pipeline? _pipeline;
    private MessageHandler? _handler;
    private volatile ControllerSession[] _sessions = [];
    private volatile SwitchPort?[] _byNumber = [];
    private CancellationTokenSource? _stopping;
    private Task _serving = Task.CompletedTask;
    private Thread? _pump;
    private volatile bool _isEnded;
    private long _packetsIn;
    private long _lost;
    private long _packetsOut;
    private string? _fault;

    /// <inheritdoc/>
    ulong IDatapath.Id => BinaryPrimitives.ReadUInt64BigEndian(Host.SwitchId.ToByteArray(bigEndian: true)) & 0x0000_FFFF_FFFF_FFFF;

    /// <inheritdoc/>
    string IDatapath.Name => Host.SwitchName;

    /// <inheritdoc/>
    IReadOnlyList<SwitchPort> IDatapath.Ports => Host.Ports;

    /// <inheritdoc/>
    TimeProvider IDatapath.Clock => Host.Clock;

    /// <inheritdoc/>
    protected override void Declare(FeatureSet features)
    {
        features.Add(_settings);
        features.AddData(DataId, "OpenFlow", FeatureScope.Switch, OpenFlowJson.Default.OpenFlowData, _ => new OpenFlowData
        {
            Controllers = _sessions.Length,
            Flows = _pipeline?.Entries.Count() ?? 0,
            PacketsIn = Volatile.Read(ref _packetsIn),
            LostPacketsIn = Volatile.Read(ref _lost),
            PacketsOut = Volatile.Read(ref _packetsOut),
            Fault = _fault,
        });
    }

    /// <inheritdoc/>
    protected override string? OnChanging(StateChange change) => change.Settings switch
    {
        OpenFlowSettings { Listen: not null } one when !IPEndPoint.TryParse(one.Listen, out var at) || at.Port == 0 => $"'{one.Listen}' is no address with a port to listen on.",
        OpenFlowSettings { Controller: not null } one when !IPEndPoint.TryParse(one.Controller, out var at) || at.Port == 0 => $"'{one.Controller}' is no address with a port of a controller.",
        OpenFlowSettings { PacketInBytes: < 64 or > PacketInRing.FrameBytesMax } one => $"{one.PacketInBytes} bytes of a frame are not possible; use 64 to {PacketInRing.FrameBytesMax}.",
        _ => null,
    };

    /// <inheritdoc/>
    protected override void OnStart()
    {
        _pipeline = new Pipeline(Host.Clock);
        _pipeline.SetNormal();
        _handler = new MessageHandler(_pipeline, this);
        _pipeline.Removed = (entry, reason) => Tell(_handler.FlowRemoved(entry, reason));
        _pump = new Thread(Pump) { IsBackground = true, Name = "openflow" };
        _pump.Start();
        NumberPorts();
        OnSettings(null);
        Host.SetTimer(s_period);
    }

    /// <inheritdoc/>
    protected override void OnStop() => Dispose();

    /// <inheritdoc/>
    protected override void OnSettings(SwitchPort? port)
    {
        if (port is null)
        {
            EndServing();
            _stopping = new CancellationTokenSource();
            var settings = _settings.Value ?? new OpenFlowSettings();
            _serving = Task.WhenAll(ListenAsync(settings.Listen, _stopping.Token), ConnectAsync(settings.Controller, _stopping.Token));
        }
    }

    /// <inheritdoc/>
    protected override void OnChanged(StateChange change)
    {
        NumberPorts();
        if (change.Port is { } port && change.Kind is StateChangeKind.PortCreated or StateChangeKind.PortRemoved or StateChangeKind.AdapterConnected or StateChangeKind.AdapterDisconnected)
        {
            Tell(MessageHandler.PortStatus(change.Port!, change.Kind switch
            {
                StateChangeKind.PortCreated => 0,
                StateChangeKind.PortRemoved => 1,
                _ => 2,
            }));
        }
    }

    /// <inheritdoc/>
    protected override void OnTimer() => _pipeline?.Expire();

    /// <inheritdoc/>
    protected override void Forward(MutableFrame frame, ref Destinations destinations)
    {
        var pipeline = _pipeline!;
        for (var table = 0; table >= 0;)
        {
            var key = FlowKey.Of(frame.View, (uint)frame.View.Port.Number);
            if (pipeline.Find(table, key, frame.View.Length) is not { } entry)
            {
                destinations.Drop(s_noFlow);
                return;
            }

            if (entry.Actions.Changes && !Change(frame, entry.Actions))
            {
                destinations.Drop(DropReason.QueueFull);
                return;
            }

            if (entry.Next < 0)
            {
                Output(frame, entry, ref destinations);
                return;
            }

            table = entry.Next;
        }
    }

    /// <inheritdoc/>
    void IDatapath.Send(uint inPort, FlowActions actions, ReadOnlySpan<byte> frame)
    {
        _packetsOut++;
        var vlan = (ushort)0;
        var bytes = frame.ToArray();
        if (bytes.Length >= FrameParser.EthernetHeaderBytes + FrameParser.TagBytes && BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(12)) == FrameParser.CustomerTagProtocol)
        {
            vlan = (ushort)(BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(14)) & 0xFFF);
            bytes = [.. bytes.AsSpan(0, 12), .. bytes.AsSpan(16)];
        }

        vlan = actions.Vlan ?? vlan;
        actions.Destination?.Write(bytes);
        actions.Source?.Write(bytes.AsSpan(6));
        foreach (var output in actions.Outputs)
        {
            foreach (var port in Host.Ports)
            {
                var isIt = output switch
                {
                    ReservedPort.Flood or ReservedPort.All => port.Number != inPort,
                    ReservedPort.InPort => port.Number == inPort,
                    ReservedPort.Normal => port.Number == inPort,
                    _ => port.Number == output,
                };
                if (isIt)
                {
                    Host.Inject(port, output == ReservedPort.Normal ? StageDirection.Ingress : StageDirection.Egress, bytes, vlan);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isEnded = true;
        _hasPacket.Set();
        EndServing();
        _pump?.Join();
        _hasPacket.Dispose();
    }

    private static bool Change(MutableFrame frame, FlowActions actions)
    {
        if (actions.Destination is not null || actions.Source is not null)
        {
            var bytes = frame.Write();
            if (bytes.IsEmpty)
            {
                return false;
            }

            actions.Destination?.Write(bytes);
            actions.Source?.Write(bytes[6..]);
            frame.ReadAnew();
        }

        frame.VlanId = actions.Vlan ?? frame.VlanId;
        frame.Priority = actions.Priority ?? frame.Priority;
        return true;
    }

    private void Output(MutableFrame frame, FlowEntry entry, ref Destinations destinations)
    {
        var isToController = false;
        foreach (var output in entry.Actions.Outputs)
        {
            switch (output)
            {
                case ReservedPort.Normal:
                    destinations.Normal();
                    break;
                case ReservedPort.Flood or ReservedPort.All:
                    destinations.Flood();
                    break;
                case ReservedPort.InPort:
                    Host.Inject(frame.View.Port, StageDirection.Egress, frame.View.Bytes, frame.VlanId);
                    break;
                case ReservedPort.Controller:
                    isToController = true;
                    ToController(frame.View, entry);
                    break;
                default:
                    var ports = _byNumber;
                    if (output < ports.Length && ports[output] is { } port)
                    {
                        destinations.Add(port);
                    }

                    break;
            }
        }

        if (entry.Actions.Outputs.Length == 0 || (isToController && entry.Actions.Outputs.Length == 1))
        {
            destinations.Drop(isToController ? s_toController : s_dropped);
        }
    }

    private void ToController(in FrameView frame, FlowEntry entry)
    {
        if (_ring.TryAdd(frame, entry, _settings.Value?.PacketInBytes ?? PacketInRing.FrameBytesMax))
        {
            _packetsIn++;
            _hasPacket.Set();
        }
        else
        {
            _lost++;
        }
    }

    private void NumberPorts()
    {
        var ports = Host.Ports;
        var byNumber = new SwitchPort?[ports.Count == 0 ? 0 : ports.Max(port => port.Number) + 1];
        foreach (var port in ports)
        {
            byNumber[port.Number] = port;
        }

        _byNumber = byNumber;
    }

    private void Tell(byte[] message)
    {
        foreach (var session in _sessions)
        {
            session.Tell(message);
        }
    }

    private void Pump()
    {
        while (!_isEnded)
        {
            _hasPacket.WaitOne();
            while (!_isEnded && _ring.TryTake() is { } message)
            {
                Tell(message);
            }
        }
    }

    private async Task ListenAsync(string? listen, CancellationToken stopping)
    {
        if (listen is null)
        {
            return;
        }

        try
        {
            var at = IPEndPoint.Parse(listen);
            using var listener = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            listener.Bind(at);
            listener.Listen();
            List<Task> sessions = [];
            try
            {
                while (true)
                {
                    var socket = await listener.AcceptAsync(stopping);
                    sessions.RemoveAll(one => one.IsCompleted);
                    if (sessions.Count >= SessionsMax)
                    {
                        socket.Dispose();
                        continue;
                    }

                    sessions.Add(ServeAsync(socket, stopping));
                }
            }
            finally
            {
                await Task.WhenAll(sessions);
            }
        }
        catch (OperationCanceledException)
        {
            // Other settings, or the end.
        }
        catch (SocketException exception)
        {
            _fault = $"Nobody can connect to {listen}: {exception.Message}.";
            Host.Report(_fault);
        }
    }

    private async Task ConnectAsync(string? controller, CancellationToken stopping)
    {
        if (controller is null)
        {
            return;
        }

        var at = IPEndPoint.Parse(controller);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await socket.ConnectAsync(at, stopping);
                    _fault = null;
                    await ServeAsync(socket, stopping);
                }
                finally
                {
                    socket.Dispose();
                }

                await Task.Delay(TimeSpan.FromSeconds(1), Host.Clock, stopping);
            }
            catch (SocketException exception)
            {
                _fault = $"The controller {controller} cannot be reached: {exception.Message}.";
                await WaitAsync(stopping);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task WaitAsync(CancellationToken stopping)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(2), Host.Clock, stopping);
        }
        catch (OperationCanceledException)
        {
            // The loop notices.
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken stopping)
    {
        using var session = new ControllerSession(socket, _handler!);
        lock (_lock)
        {
            _sessions = [.. _sessions, session];
        }

        try
        {
            await session.RunAsync(stopping);
        }
        finally
        {
            lock (_lock)
            {
                _sessions = [.. _sessions.Where(other => other != session)];
            }
        }
    }

    private void EndServing()
    {
        if (_stopping is { } stopping)
        {
            stopping.Cancel();
            _serving.Wait(TimeSpan.FromSeconds(5));
            stopping.Dispose();
            _stopping = null;
        }
    }
}
