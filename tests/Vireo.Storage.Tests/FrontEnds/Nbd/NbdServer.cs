using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.FrontEnds.Nbd;
using Vireo.Storage.Stacks;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>A stack behind an NBD server, in this process.</summary>
internal sealed class NbdServer : IAsyncDisposable
{
    private readonly IFrontEnd _frontEnd;

    public NbdServer(TempFolder folder, IBlockDevice device, ReactorPool? reactors = null)
    {
        SocketPath = folder["nbd.sock"];
        Stack = new DiskStack(device, "test", violation => Assert.Fail(violation.Message));
        _frontEnd = new NbdFrontEndFactory(reactors).Start(new FrontEndContext(
            new DiskAttachment(Guid.NewGuid(), "test", ReadOnly: false, FrontEndKind.Nbd, SocketPath), Stack, NullLoggerFactory.Instance, TimeProvider.System));
    }

    public string SocketPath { get; }

    public DiskStack Stack { get; }

    public int Connections => _frontEnd.Connections;

    public string Uri => $"nbd+unix:///?socket={SocketPath}";

    public async ValueTask DisposeAsync()
    {
        await _frontEnd.DisposeAsync();
        await Stack.DisposeAsync();
    }
}
