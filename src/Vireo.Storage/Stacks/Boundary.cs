using System.Runtime.CompilerServices;
using Vireo.Disks;

namespace Vireo.Storage.Stacks;

/// <summary>
/// The check that stands between any two layers, once, so that no layer needs it: on the way down range, alignment and capability; on
/// the way up that a failure carries a code and no exception escapes. A layer that breaks a rule is named at its own edge. Here also
/// sits the emulation of what a device does not do by itself: zeroes become writes, extents become "all data".
/// </summary>
/// <param name="below">The device that serves requests.</param>
/// <param name="belowName">Its name in messages.</param>
/// <param name="aboveName">The layer that sends requests, or null for a front end, whose guest may ask anything: it gets a status and nobody is blamed.</param>
/// <param name="report">Told of every broken rule.</param>
internal sealed class Boundary(IBlockDevice below, string belowName, string? aboveName, Action<LayerViolation> report) : IBlockDevice
{
    private readonly BlockGeometry _geometry = below.Geometry;
    private readonly BlockCapabilities _native = below.Capabilities;

    /// <summary>What stands under this boundary.</summary>
    public IBlockDevice Below => below;

    /// <inheritdoc/>
    public BlockGeometry Geometry => _geometry;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; } = Emulate(below.Capabilities);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        var verdict = CheckRange("Read", offsetBytes, buffers.LengthBytes);
        if (verdict != BlockStatus.Ok)
        {
            return new(verdict);
        }

        try
        {
            return Check("Read", below.ReadAsync(offsetBytes, buffers));
        }
        catch (Exception exception)
        {
            return new(Escaped("Read", exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var verdict = CheckChange("Write", offsetBytes, buffers.LengthBytes);
        if (verdict != BlockStatus.Ok)
        {
            return new(verdict);
        }

        try
        {
            return Check("Write", below.WriteAsync(offsetBytes, buffers, options));
        }
        catch (Exception exception)
        {
            return new(Escaped("Write", exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync()
    {
        try
        {
            return Check("Flush", below.FlushAsync());
        }
        catch (Exception exception)
        {
            return new(Escaped("Flush", exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        var verdict = CheckChange("Trim", offsetBytes, lengthBytes);
        if (verdict != BlockStatus.Ok)
        {
            return new(verdict);
        }

        if (_native.Trim == Capability.None)
        {
            return new(Refuse("Trim", BlockStatus.Unsupported, offsetBytes, lengthBytes));
        }

        try
        {
            return Check("Trim", below.TrimAsync(offsetBytes, lengthBytes));
        }
        catch (Exception exception)
        {
            return new(Escaped("Trim", exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var verdict = CheckChange("WriteZeroes", offsetBytes, lengthBytes);
        if (verdict != BlockStatus.Ok)
        {
            return new(verdict);
        }

        if (_native.WriteZeroes == Capability.None)
        {
            return WriteZeroBuffersAsync(offsetBytes, lengthBytes, options);
        }

        try
        {
            return Check("WriteZeroes", below.WriteZeroesAsync(offsetBytes, lengthBytes, options));
        }
        catch (Exception exception)
        {
            return new(Escaped("WriteZeroes", exception));
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var verdict = CheckRange("MapExtents", offsetBytes, lengthBytes);
        if (verdict != BlockStatus.Ok || lengthBytes == 0)
        {
            return new(verdict);
        }

        if (_native.MapExtents == Capability.None)
        {
            extents.Add(new BlockExtent(offsetBytes, lengthBytes, ExtentKind.Data));
            return new(BlockStatus.Ok);
        }

        return MapBelowAsync(offsetBytes, lengthBytes, extents);
    }

    /// <summary>Nothing to do: the stack owns the devices, the boundary only looks.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static BlockCapabilities Emulate(BlockCapabilities native) => native with
    {
        WriteZeroes = native.WriteZeroes == Capability.None && !native.ReadOnly ? Capability.Emulated : native.WriteZeroes,
        MapExtents = native.MapExtents == Capability.None ? Capability.Emulated : native.MapExtents,
    };

    private BlockStatus CheckRange(string operation, long offsetBytes, long lengthBytes)
    {
        var sectorMask = _geometry.LogicalSectorBytes - 1;
        if (((offsetBytes | lengthBytes) & sectorMask) != 0)
        {
            return Refuse(operation, BlockStatus.OutOfRange, offsetBytes, lengthBytes);
        }

        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > _geometry.SizeBytes - lengthBytes)
        {
            return Refuse(operation, BlockStatus.OutOfRange, offsetBytes, lengthBytes);
        }

        return BlockStatus.Ok;
    }

    private BlockStatus CheckChange(string operation, long offsetBytes, long lengthBytes) =>
        _native.ReadOnly ? Refuse(operation, BlockStatus.ReadOnly, offsetBytes, lengthBytes) : CheckRange(operation, offsetBytes, lengthBytes);

    // The text is built only when a layer is to blame, which is a defect; a guest that asks nonsense in a loop costs no allocation.
    private BlockStatus Refuse(string operation, BlockStatus status, long offsetBytes, long lengthBytes)
    {
        if (aboveName is not null)
        {
            report(new LayerViolation(
                aboveName,
                operation,
                $"The layer '{aboveName}' sent {operation} {offsetBytes}+{lengthBytes} to '{belowName}' ({_geometry.SizeBytes} bytes, sectors of {_geometry.LogicalSectorBytes}, {_native}), which no layer may: {status}."));
        }

        return status;
    }

    private ValueTask<BlockStatus> Check(string operation, ValueTask<BlockStatus> answer)
    {
        if (!answer.IsCompletedSuccessfully)
        {
            return CheckLaterAsync(operation, answer);
        }

        return new(CheckCode(operation, answer.Result));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockStatus> CheckLaterAsync(string operation, ValueTask<BlockStatus> answer)
    {
        try
        {
            return CheckCode(operation, await answer.ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            return Escaped(operation, exception);
        }
    }

    private BlockStatus CheckCode(string operation, BlockStatus status)
    {
        if (status <= BlockStatus.Closed)
        {
            return status;
        }

        report(new LayerViolation(belowName, operation, $"'{belowName}' answered {operation} with {(int)status}, which is no status; the request fails as an I/O error."));
        return BlockStatus.IoError;
    }

    private BlockStatus Escaped(string operation, Exception exception)
    {
        report(new LayerViolation(belowName, operation, $"An exception escaped from '{belowName}' during {operation}; the request fails as an I/O error.", exception));
        return BlockStatus.IoError;
    }

    private async ValueTask<BlockStatus> WriteZeroBuffersAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        while (lengthBytes > 0)
        {
            var pieceBytes = (int)Math.Min(lengthBytes, ZeroBuffers.MaximumBytes);
            var status = await WriteAsync(offsetBytes, ZeroBuffers.Take(pieceBytes), options & WriteOptions.ForceUnitAccess).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            offsetBytes += pieceBytes;
            lengthBytes -= pieceBytes;
        }

        return BlockStatus.Ok;
    }

    private async ValueTask<BlockStatus> MapBelowAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var first = extents.Count;
        try
        {
            var status = CheckCode("MapExtents", await below.MapExtentsAsync(offsetBytes, lengthBytes, extents).ConfigureAwait(false));
            return status == BlockStatus.Ok ? CheckExtents(offsetBytes, lengthBytes, extents, first) : status;
        }
        catch (Exception exception)
        {
            return Escaped("MapExtents", exception);
        }
    }

    private BlockStatus CheckExtents(long offsetBytes, long lengthBytes, List<BlockExtent> extents, int first)
    {
        var next = offsetBytes;
        for (var i = first; i < extents.Count; i++)
        {
            if (extents[i].OffsetBytes != next || extents[i].LengthBytes <= 0 || extents[i].LengthBytes > offsetBytes + lengthBytes - next)
            {
                next = offsetBytes;
                break;
            }

            next += extents[i].LengthBytes;
        }

        if (next == offsetBytes)
        {
            report(new LayerViolation(belowName, "MapExtents", $"'{belowName}' answered MapExtents {offsetBytes}+{lengthBytes} with extents that do not cover the range from its start."));
            return BlockStatus.IoError;
        }

        return BlockStatus.Ok;
    }
}
