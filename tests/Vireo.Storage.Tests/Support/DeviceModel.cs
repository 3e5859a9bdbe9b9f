using Vireo.Disks;
using Vireo.Storage.Tests.Stacks;

namespace Vireo.Storage.Tests.Support;

/// <summary>Random requests to a device, compared with an array of bytes.</summary>
internal sealed class DeviceModel(IBlockDevice device, int seed) : IDisposable
{
    private readonly Random _random = new(seed);
    private readonly TestBuffer _buffer = new(1 << 20);

    public byte[] Content { get; } = new byte[device.Geometry.SizeBytes];

    /// <summary>Sends requests one after the other; every read must agree.</summary>
    public async Task RunAsync(int steps, int longestBytes = 128 << 10)
    {
        var sector = device.Geometry.LogicalSectorBytes;
        for (var step = 0; step < steps; step++)
        {
            var length = _random.Next(1, longestBytes / sector) * sector;
            var offset = (int)(_random.NextInt64((Content.Length - length) / sector) * sector);
            var vector = new IoVector(new[] { _buffer.Vector.Segments[0].Slice(0, length) }, length);
            switch (_random.Next(7))
            {
                case 0 or 1 or 2:
                    _random.NextBytes(_buffer.Span[..length]);
                    Assert.Equal(BlockStatus.Ok, await device.WriteAsync(offset, vector, _random.Next(8) == 0 ? WriteOptions.ForceUnitAccess : WriteOptions.None));
                    _buffer.Span[..length].CopyTo(Content.AsSpan(offset));
                    break;
                case 3:
                    Assert.Equal(BlockStatus.Ok, await device.WriteZeroesAsync(offset, length, _random.Next(2) == 0 ? WriteOptions.MayTrim : WriteOptions.None));
                    Content.AsSpan(offset, length).Clear();
                    break;
                case 4 when device.Capabilities.Trim != Capability.None:
                    Assert.Equal(BlockStatus.Ok, await device.TrimAsync(offset, length));

                    // As before or zeros, byte for byte what the device says.
                    Assert.Equal(BlockStatus.Ok, await device.ReadAsync(offset, vector));
                    _buffer.Span[..length].CopyTo(Content.AsSpan(offset));
                    break;
                case 5:
                    Assert.Equal(BlockStatus.Ok, await device.FlushAsync());
                    break;
                default:
                    Assert.Equal(BlockStatus.Ok, await device.ReadAsync(offset, vector));
                    Assert.True(Content.AsSpan(offset, length).SequenceEqual(_buffer.Span[..length]), $"seed {seed} step {step}: {offset}+{length}");
                    break;
            }
        }
    }

    /// <summary>Reads all of a device and compares.</summary>
    public async Task CompareAsync(IBlockDevice other)
    {
        for (var offset = 0; offset < Content.Length;)
        {
            var length = Math.Min(1 << 20, Content.Length - offset);
            Assert.Equal(BlockStatus.Ok, await other.ReadAsync(offset, new IoVector(new[] { _buffer.Vector.Segments[0].Slice(0, length) }, length)));
            Assert.True(Content.AsSpan(offset, length).SequenceEqual(_buffer.Span[..length]), $"seed {seed}: {offset}+{length} differs");
            offset += length;
        }
    }

    public void Dispose() => _buffer.Dispose();
}
