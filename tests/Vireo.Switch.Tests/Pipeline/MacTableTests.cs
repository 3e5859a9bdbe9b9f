using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Pipeline;

public sealed class MacTableTests
{
    [Fact]
    [Requirement("SW-1")]
    public void Agrees_with_a_dictionary_as_long_as_there_is_room()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var table = new MacTable(4096, 300, (ulong)random.NextInt64());
        Dictionary<(int Station, ushort Vlan), (ushort Port, uint Seen)> model = [];
        uint now = 1000;
        for (var step = 0; step < 50_000; step++)
        {
            var key = (random.Next(200), (ushort)random.Next(3));
            switch (random.Next(10))
            {
                case < 4:
                    var port = (ushort)random.Next(16);
                    table.Learn(Station(key.Item1), key.Item2, port, now);
                    model[key] = (port, now);
                    break;
                case 4:
                    now += (uint)random.Next(40);
                    break;
                case 5 when random.Next(50) == 0:
                    var gone = (ushort)random.Next(16);
                    table.Forget(gone);
                    foreach (var entry in model.Where(entry => entry.Value.Port == gone).ToList())
                    {
                        model.Remove(entry.Key);
                    }

                    break;
                default:
                    var expected = model.TryGetValue(key, out var known) && now - known.Seen <= 300 ? known.Port : -1;
                    Assert.Equal(expected, table.Find(Station(key.Item1), key.Item2, now));
                    break;
            }
        }

        Assert.Equal(0, table.NotLearned);
        Assert.Equal(model.Values.Count(entry => now - entry.Seen <= 300), table.Count(now));
    }

    [Fact]
    [Requirement("SW-1")]
    public void A_port_that_invents_addresses_pushes_out_only_its_own()
    {
        var table = new MacTable(1024, 300, 0xA5A5_1234_9876_0011);
        for (var i = 0; i < 100; i++)
        {
            table.Learn(Station(i), 0, 1, 10);
        }

        for (var i = 0; i < 100_000; i++)
        {
            table.Learn(new MacAddress(0x0600_0000_0000 + (ulong)i), 0, 2, 11);
        }

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(1, table.Find(Station(i), 0, 12));
        }

        Assert.InRange(table.Count(12), 101, 1024 + 8);
    }
}
