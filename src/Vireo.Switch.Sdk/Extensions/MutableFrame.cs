namespace Vireo.Switch.Sdk;

/// <summary>A frame that can also be changed, in place and without changing its length. Other receivers of a flooded frame do not see a change.</summary>
public readonly ref struct MutableFrame
{
    private readonly FrameBatch _batch;
    private readonly int _index;

    internal MutableFrame(FrameBatch batch, int index, SwitchPort port, StageDirection direction)
    {
        _batch = batch;
        _index = index;
        View = new FrameView(batch, index, port, direction);
    }

    /// <summary>The frame for reading.</summary>
    public FrameView View { get; }

    /// <summary>The VLAN that the frame belongs to inside the switch, zero for none.</summary>
    public ushort VlanId
    {
        get => _batch[_index].VlanId;
        set => _batch[_index].VlanId = value;
    }

    /// <summary>Priority code point, zero to seven.</summary>
    public byte Priority
    {
        get => _batch[_index].Priority;
        set => _batch[_index].Priority = value;
    }

    /// <summary>
    /// The bytes, for changing; empty when there is no room for the copy that is needed, and the frame should then be dropped with
    /// <see cref="DropReason.QueueFull"/>. Whoever changes what a checksum covers changes the checksum, unless <see cref="FrameView.Offload"/> says that it is
    /// yet to be made. Headers are read anew for whoever comes next.
    /// </summary>
    public Span<byte> Write()
    {
        var bytes = _batch.WritableBytes(_index);
        _batch[_index].Headers = default;
        return bytes;
    }

    /// <summary>Finds the headers again after a change, for who looks at them in the same call; whoever comes next gets them read anew in any case.</summary>
    /// <returns>False when the bytes are no frame any more.</returns>
    public bool ReadAnew()
    {
        var isFrame = FrameParser.TryParse(_batch.Bytes(_index), HeaderDepth.Network, out var headers);
        _batch[_index].Headers = headers;
        return isFrame;
    }
}
