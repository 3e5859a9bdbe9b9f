using Vireo.Platform.Memory;

namespace Vireo.Platform.Tests.Memory;

public sealed class SharedMappingTests
{
    [Fact]
    public void TwoMappingsOfOneFileShowTheSameBytes()
    {
        using var file = MemoryFile.CreateSealed("test", 3 * 4096);
        using var first = SharedMapping.Map(file, 0, 3 * 4096);
        using var second = SharedMapping.Map(file, 4096 + 100, 200);
        new IoSegment(first.Address, 3 * 4096).Span[4096 + 100] = 42;
        Assert.Equal(42, new IoSegment(second.Address, 200).Span[0]);
        Assert.Equal(200, second.LengthBytes);
    }

    [Theory]
    [InlineData(0, 4097)]
    [InlineData(4096, 1)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(1, long.MaxValue)]
    public void ARangeOutsideTheFileIsRefused(long offset, long length)
    {
        using var file = MemoryFile.CreateSealed("test", 4096);
        Assert.Throws<IOException>(() => SharedMapping.Map(file, offset, length));
    }

    [Fact]
    public void ASealedFileCannotShrinkAndSaysSo()
    {
        using var file = MemoryFile.CreateSealed("test", 4096);
        Assert.True(MemoryFile.CannotShrink(file));
        using var other = System.IO.File.OpenHandle("/dev/null");
        using var plain = Descriptor.DuplicateOf(other);
        Assert.False(MemoryFile.CannotShrink(plain));
    }
}
