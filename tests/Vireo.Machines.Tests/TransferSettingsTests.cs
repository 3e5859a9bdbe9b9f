using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>What a QEMU that sends can be trusted with.</summary>
public sealed class TransferSettingsTests
{
    [Theory]
    [InlineData("7.2.22", 1, false)]
    [InlineData("9.0.4", 1, false)]
    [InlineData("9.1.0", 4, true)]
    [InlineData("10.0.2", 4, true)]
    [InlineData("something", 1, false)]
    [Requirement("LM-1")]
    public void Several_connections_are_for_a_QEMU_that_notices_when_one_of_them_ends(string version, int channels, bool compressed)
    {
        var settings = new TransferSettings { Channels = 4, Compressed = true, BytesPerSecond = 5 }.For(version);
        Assert.Equal((channels, compressed, 5), (settings.Channels, settings.Compressed, settings.BytesPerSecond));
    }
}
