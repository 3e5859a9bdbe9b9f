using System.Runtime.Intrinsics;
using Vireo.Switch.Acls;

namespace Vireo.Switch.Pipeline.Flows;

/// <summary>What the long way found for a conversation between two ports, and as long as what it was found from.</summary>
internal struct FlowEntry
{
    private const int CountersMax = 4;
    private AclCounter? _counter0;
    private AclCounter? _counter1;
    private AclCounter? _counter2;
    private AclCounter? _counter3;
    private int _counters;

    /// <summary>See <see cref="FlowKey"/>.</summary>
    public Vector256<ulong> Key;

    /// <summary>Where it comes from; null in an empty entry.</summary>
    public PortState? Source;

    /// <summary>Where it goes.</summary>
    public PortState? Receiver;

    /// <summary>Policy of the source then.</summary>
    public PortPolicy? SourcePolicy;

    /// <summary>Policy of the receiver then.</summary>
    public PortPolicy? ReceiverPolicy;

    /// <summary>The second in which it was found.</summary>
    public uint Second;

    /// <summary><see cref="MacTable.Version"/> of the switch then.</summary>
    public uint Version;

    /// <summary>VLAN with which it leaves.</summary>
    public ushort VlanId;

    /// <summary>Priority with which it leaves.</summary>
    public byte Priority;

    /// <summary>Has each frame of the conversation count there.</summary>
    /// <returns>False when there is no room for another one.</returns>
    public bool Add(AclCounter counter)
    {
        switch (_counters++)
        {
            case 0:
                _counter0 = counter;
                return true;
            case 1:
                _counter1 = counter;
                return true;
            case 2:
                _counter2 = counter;
                return true;
            case CountersMax - 1:
                _counter3 = counter;
                return true;
            default:
                return false;
        }
    }

    /// <summary>Counts frames.</summary>
    public readonly void Count(int frames, long bytes)
    {
        Count(_counter0, frames, bytes);
        Count(_counter1, frames, bytes);
        Count(_counter2, frames, bytes);
        Count(_counter3, frames, bytes);
    }

    private static void Count(AclCounter? counter, int frames, long bytes)
    {
        if (counter is not null)
        {
            counter.Frames += frames;
            counter.Bytes += bytes;
        }
    }
}
