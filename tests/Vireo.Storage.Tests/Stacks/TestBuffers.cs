using Vireo.Disks;
using Vireo.Platform.Memory;

namespace Vireo.Storage.Tests.Stacks;

/// <summary>A native buffer with its vector, for one request.</summary>
internal sealed class TestBuffer(int lengthBytes) : IDisposable
{
    private readonly NativeBuffer _memory = new(lengthBytes);

    public Span<byte> Span => _memory.Span;

    public IoVector Vector => new(new[] { _memory.Segment }, _memory.LengthBytes);

    public void Dispose() => _memory.Dispose();
}
