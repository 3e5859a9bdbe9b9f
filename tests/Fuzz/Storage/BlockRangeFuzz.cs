using System.Buffers.Binary;
using Vireo.Storage.FrontEnds.VhostUserBlock;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Storage;

/// <summary>Ranges that a guest asks to discard or to zero: <see cref="BlockRange"/> refuses them or answers with a position that can exist.</summary>
public sealed class BlockRangeFuzz
{
    [Fact]
    public void Ranges_AreRefusedOrStandOnSectorsThatCanExist()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var bytes = new byte[BlockRange.LengthInRequest];
        var accepted = 0;
        for (var round = 0; round < 300_000; round++)
        {
            // Small values in most places, so that many get through; extremes in the others.
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, random.Next(4) == 0 ? (ulong)random.NextInt64(long.MinValue, long.MaxValue) : (ulong)random.Next(1 << 20));
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : (uint)random.Next(1 << 12));
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), random.Next(4) == 0 ? (uint)random.NextInt64(1L << 32) : (uint)random.Next(3));
            if (!BlockRange.TryParse(bytes, out var range))
            {
                continue;
            }

            accepted++;
            Assert.True(range.OffsetBytes >= 0 && range.LengthBytes >= 0, $"seed {seed} round {round}");
            Assert.Equal(0, (range.OffsetBytes | range.LengthBytes) % 512);
            Assert.Equal(BinaryPrimitives.ReadUInt64LittleEndian(bytes), (ulong)(range.OffsetBytes / 512));
        }

        Assert.InRange(accepted, 1, 300_000);
    }
}
