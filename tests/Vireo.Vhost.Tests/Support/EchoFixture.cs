using System.Collections.Concurrent;
using Vireo.Platform.Events;
using Vireo.Testing;
using Vireo.Testing.Vhost;

namespace Vireo.Vhost.Tests.Support;

/// <summary>An echo device behind a real socket, and a mock guest.</summary>
public sealed class EchoFixture : IAsyncDisposable
{
    private readonly TempFolder _folder = new();

    private EchoFixture(MockGuestMemory memory, EchoDevice device)
    {
        Memory = memory;
        Device = device;
    }

    public Reactor Reactor { get; } = new("vhost-test");

    public EchoDevice Device { get; }

    public MockGuestMemory Memory { get; }

    public ConcurrentQueue<VhostUserEvent> Events { get; } = new();

    public VhostUserBackend Backend { get; private set; } = null!;

    public string SocketPath => _folder["s"];

    public static async Task<EchoFixture> CreateAsync(int queues = 2, MockGuestMemory? memory = null)
    {
        var fixture = new EchoFixture(memory ?? new MockGuestMemory(), new EchoDevice(queues));
        fixture.Backend = await VhostUserBackend.ListenAsync(
            fixture.Reactor, fixture.Device, fixture.SocketPath, new VhostUserBackendOptions { Name = "echo", Observer = fixture.Events.Enqueue });
        return fixture;
    }

    /// <summary>Connects, negotiates and shares the memory.</summary>
    public MockFrontEnd Connect(ulong features = 0)
    {
        var frontEnd = new MockFrontEnd(SocketPath);
        frontEnd.Negotiate(features);
        Assert.True(frontEnd.SetMemory(Memory));
        return frontEnd;
    }

    /// <summary>A buffer with <paramref name="content"/> to be echoed, and room for the echo.</summary>
    public MockBuffer[] Message(ReadOnlySpan<byte> content)
    {
        var source = Memory.Allocate(content.Length);
        var target = Memory.Allocate(content.Length);
        content.CopyTo(Memory.Span(source, content.Length));
        return [new MockBuffer(source, content.Length, false), new MockBuffer(target, content.Length, true)];
    }

    public async ValueTask DisposeAsync()
    {
        await Backend.DisposeAsync();
        Reactor.Dispose();
        Memory.Dispose();
        _folder.Dispose();
    }
}
