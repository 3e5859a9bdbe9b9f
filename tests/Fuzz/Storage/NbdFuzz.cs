using System.Buffers.Binary;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Storage;

/// <summary>Requests and options of NBD clients: <see cref="NbdRequest"/>, <see cref="NbdInfoRequest"/> and <see cref="NbdContextRequest"/> never throw and never point outside their bytes.</summary>
public sealed class NbdFuzz
{
    [Fact]
    public void Parsers_RefuseOrStayInside()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 300_000; round++)
        {
            var bytes = Build(random);
            if (NbdRequest.TryParse(bytes, out var request) && request.IsInside(1L << 40, 512))
            {
                Assert.True(request.OffsetBytes + request.LengthBytes <= 1ul << 40, $"seed {seed} round {round}");
                Assert.Equal(0ul, (request.OffsetBytes | request.LengthBytes) % 512);
            }

            if (NbdInfoRequest.TryParse(bytes) is { } info)
            {
                Assert.InRange(info.ExportName.Length + (info.Wanted.Count * 2) + 6, 6, bytes.Length);
            }

            if (NbdContextRequest.TryParse(bytes) is { } contexts)
            {
                Assert.InRange(contexts.Queries.Sum(query => query.Length + 4) + contexts.ExportName.Length + 8, 8, bytes.Length);
            }
        }
    }

    // Small lengths in the places where lengths are, so that many get far.
    private static byte[] Build(Random random)
    {
        var bytes = new byte[random.Next(64)];
        for (var i = 0; i + 4 <= bytes.Length; i += 4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i), random.Next(8) == 0 ? (uint)random.NextInt64(1L << 32) : (uint)random.Next(12));
        }

        if (bytes.Length >= NbdRequest.WireBytes && random.Next(2) == 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, 0x25609513);
        }

        return bytes;
    }
}
