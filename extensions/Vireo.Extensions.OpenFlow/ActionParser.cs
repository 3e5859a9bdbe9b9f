using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.OpenFlow;

/// <summary>What becomes of a frame. Immutable: changes first, then the ports it goes to.</summary>
internal sealed class FlowActions
{
    /// <summary>The frame goes nowhere.</summary>
    public static FlowActions Drop { get; } = new();

    /// <summary>New destination address.</summary>
    public MacAddress? Destination { get; set; }

    /// <summary>New source address.</summary>
    public MacAddress? Source { get; set; }

    /// <summary>New VLAN; zero takes the frame out of its VLAN.</summary>
    public ushort? Vlan { get; set; }

    /// <summary>New priority.</summary>
    public byte? Priority { get; set; }

    /// <summary>Ports, reserved ones too.</summary>
    public uint[] Outputs { get; set; } = [];

    /// <summary>Whether anything is changed.</summary>
    public bool Changes => Destination is not null || Source is not null || Vlan is not null || Priority is not null;
}

/// <summary>Reads lists of actions (OpenFlow 1.3.5, 7.2.5) and of instructions (7.2.4).</summary>
internal static class ActionParser
{
    private const int OutputsMax = 64;

    /// <summary>Reads a list of actions.</summary>
    public static ProtocolError TryParse(ReadOnlySpan<byte> bytes, out FlowActions actions)
    {
        actions = new FlowActions();
        List<uint> outputs = [];
        var isTagged = false;
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < 8)
            {
                return ProtocolError.BadActionLength;
            }

            var type = BinaryPrimitives.ReadUInt16BigEndian(bytes);
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
            if (length < 8 || length % 8 != 0 || length > bytes.Length)
            {
                return ProtocolError.BadActionLength;
            }

            var error = type switch
            {
                0 => Output(bytes[..length], outputs),
                17 => PushVlan(bytes[..length], actions, ref isTagged),
                18 => PopVlan(length, actions),
                25 => SetField(bytes[..length], actions, ref isTagged),
                _ => ProtocolError.BadActionType,
            };
            if (error != ProtocolError.None)
            {
                return error;
            }

            if (type != 0 && outputs.Count > 0)
            {
                // A frame has one shape for all its receivers here.
                return ProtocolError.UnsupportedOrder;
            }

            bytes = bytes[length..];
        }

        actions.Outputs = [.. outputs];
        return ProtocolError.None;
    }

    /// <summary>Reads a list of instructions: actions to apply, and the table that is next.</summary>
    /// <param name="bytes">The list.</param>
    /// <param name="table">Of the entry.</param>
    /// <param name="tables">How many there are.</param>
    /// <param name="actions">What is done.</param>
    /// <param name="next">The next table, or -1.</param>
    public static ProtocolError TryParseInstructions(ReadOnlySpan<byte> bytes, int table, int tables, out FlowActions actions, out int next)
    {
        actions = FlowActions.Drop;
        next = -1;
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < 8)
            {
                return ProtocolError.BadInstructionLength;
            }

            var type = BinaryPrimitives.ReadUInt16BigEndian(bytes);
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
            if (length < 8 || length % 8 != 0 || length > bytes.Length)
            {
                return ProtocolError.BadInstructionLength;
            }

            switch (type)
            {
                case 1 when length != 8:
                    return ProtocolError.BadInstructionLength;
                case 1:
                    next = bytes[4];
                    if (next <= table || next >= tables)
                    {
                        return ProtocolError.BadInstructionTable;
                    }

                    break;
                case 4:
                    var error = TryParse(bytes[8..length], out actions);
                    if (error != ProtocolError.None)
                    {
                        return error;
                    }

                    break;

                // Nothing is ever in the action set, so there is nothing to clear.
                case 5 when length == 8:
                    break;
                default:
                    return type is >= 1 and <= 6 ? ProtocolError.UnsupportedInstruction : ProtocolError.UnknownInstruction;
            }

            bytes = bytes[length..];
        }

        // A frame has one shape for all its receivers, so nothing may change it behind an output; and what the switch itself decides, or everybody gets, stands alone.
        var ports = actions.Outputs.Where(port => port != ReservedPort.Controller).ToList();
        return (next >= 0 && actions.Outputs.Length > 0) ? ProtocolError.UnsupportedOrder
            : ports.Count > 1 && ports.Any(port => port is ReservedPort.Normal or ReservedPort.Flood or ReservedPort.All) ? ProtocolError.TooManyActions
            : actions.Outputs.AsSpan().Contains(ReservedPort.Table) ? ProtocolError.BadOutPort : ProtocolError.None;
    }

    private static ProtocolError Output(ReadOnlySpan<byte> action, List<uint> outputs)
    {
        if (action.Length != 16)
        {
            return ProtocolError.BadActionLength;
        }

        var port = BinaryPrimitives.ReadUInt32BigEndian(action[4..]);
        if (port == 0 || (port > ReservedPort.Max && port is not (ReservedPort.InPort or ReservedPort.Table or ReservedPort.Normal or ReservedPort.Flood or ReservedPort.All or ReservedPort.Controller)))
        {
            return ProtocolError.BadOutPort;
        }

        if (outputs.Count == OutputsMax)
        {
            return ProtocolError.TooManyActions;
        }

        outputs.Add(port);
        return ProtocolError.None;
    }

    private static ProtocolError PushVlan(ReadOnlySpan<byte> action, FlowActions actions, ref bool isTagged)
    {
        if (action.Length != 8)
        {
            return ProtocolError.BadActionLength;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(action[4..]) != FrameParser.CustomerTagProtocol || isTagged)
        {
            return ProtocolError.BadActionArgument;
        }

        isTagged = true;
        actions.Vlan ??= 0;
        return ProtocolError.None;
    }

    private static ProtocolError PopVlan(int length, FlowActions actions)
    {
        actions.Vlan = 0;
        return length == 8 ? ProtocolError.None : ProtocolError.BadActionLength;
    }

    private static ProtocolError SetField(ReadOnlySpan<byte> action, FlowActions actions, ref bool isTagged)
    {
        if (action.Length < 8 || action.Length < 8 + action[7])
        {
            return ProtocolError.BadSetLength;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(action[4..]) != 0x8000 || (action[6] & 1) != 0)
        {
            return ProtocolError.BadSetType;
        }

        var value = action.Slice(8, action[7]);
        switch (action[6] >> 1, value.Length)
        {
            case (3, 6):
                actions.Destination = MacAddress.Read(value);
                return ProtocolError.None;
            case (4, 6):
                actions.Source = MacAddress.Read(value);
                return ProtocolError.None;
            case (6, 2):
                var vlan = BinaryPrimitives.ReadUInt16BigEndian(value);
                if ((vlan & 0xE000) != 0 || (vlan & FlowKey.VlanPresent) == 0)
                {
                    return ProtocolError.BadSetArgument;
                }

                isTagged = true;
                actions.Vlan = (ushort)(vlan & 0xFFF);
                return ProtocolError.None;
            case (7, 1):
                if (value[0] > 7)
                {
                    return ProtocolError.BadSetArgument;
                }

                actions.Priority = value[0];
                return ProtocolError.None;
            case (3 or 4 or 6 or 7, _):
                return ProtocolError.BadSetLength;
            default:
                return ProtocolError.BadSetType;
        }
    }
}
