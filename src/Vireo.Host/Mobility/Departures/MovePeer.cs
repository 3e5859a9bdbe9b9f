using System.Net;
using System.Net.Http.Headers;
using Vireo.Commands.Framework;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Peers;

namespace Vireo.Host.Mobility.Departures;

/// <summary>The other host, as one move sees it: the client of <see cref="Arrivals.ArrivalService"/>.</summary>
internal sealed class MovePeer(PeerConnection connection, Guid move) : IDisposable
{
    // A process has to be started, disks opened, a configuration written: all of it takes a moment, none of it long.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <summary>Who it is.</summary>
    public PeerHost Host => connection.Peer;

    /// <summary>Where it is.</summary>
    public IPAddress Address => connection.Address.Address.IsIPv4MappedToIPv6 ? connection.Address.Address.MapToIPv4() : connection.Address.Address;

    private string Root => $"peer/moves/{move:D}";

    /// <summary>Offers the machine.</summary>
    public Task<MoveAnswer> OfferAsync(MoveOffer offer, CancellationToken cancellation) =>
        connection.PostAsync("peer/moves", offer, MoveJson.Default.MoveOffer, MoveJson.Default.MoveAnswer, cancellation, s_patience);

    /// <summary>Sends a file.</summary>
    public async Task SendFileAsync(string path, Action<long> progress, CancellationToken cancellation)
    {
        using var content = new FileContent(path, progress, cancellation);
        try
        {
            await connection.UploadAsync($"{Root}/file", content, [("Vireo-File", Uri.EscapeDataString(path))], MoveJson.Default.Nothing, cancellation);
        }
        catch (CommandException lost) when (lost.ErrorId == "PeerConnectionLost")
        {
            // A host that refuses in the middle just ends the connection; it says why when it is asked.
            if ((await AliveAsync(cancellation)).Trouble is { } trouble)
            {
                throw new CommandException(trouble.ErrorId, Enum.TryParse<ErrorCategory>(trouble.Category, out var category) ? category : ErrorCategory.NotSpecified, $"The host '{Host.Name}' says: {trouble.Message}", path, lost);
            }

            throw;
        }
    }

    /// <summary>Has the disks opened.</summary>
    public Task<DisksAnswer> OpenDisksAsync(CancellationToken cancellation) => Step("disks", MoveJson.Default.DisksAnswer, cancellation);

    /// <summary>Has a process started that waits for the guest.</summary>
    public Task<MemoryAnswer> ExpectMemoryAsync(MemoryRequest request, CancellationToken cancellation) =>
        connection.PostAsync($"{Root}/memory", request, MoveJson.Default.MemoryRequest, MoveJson.Default.MemoryAnswer, cancellation, s_patience);

    /// <summary>Says that this host is still there.</summary>
    /// <returns>What went wrong there last.</returns>
    public Task<AliveAnswer> AliveAsync(CancellationToken cancellation) => Step("alive", MoveJson.Default.AliveAnswer, cancellation);

    /// <summary>Returns when everything of a guest that runs is there.</summary>
    public Task ReadyAsync(CancellationToken cancellation) => Step("ready", MoveJson.Default.Nothing, cancellation);

    /// <summary>Lets go of the machine.</summary>
    public Task<TakeAnswer> TakeAsync(TakeRequest request, CancellationToken cancellation) =>
        connection.PostAsync($"{Root}/take", request, MoveJson.Default.TakeRequest, MoveJson.Default.TakeAnswer, cancellation, s_patience);

    /// <summary>Asks whether the machine was taken; if not, it never will be.</summary>
    public Task<TakeAnswer> ResolveAsync(CancellationToken cancellation) => Step("resolve", MoveJson.Default.TakeAnswer, cancellation);

    /// <summary>Says that this host knows.</summary>
    public Task ConfirmAsync(CancellationToken cancellation) => Step("confirm", MoveJson.Default.Nothing, cancellation);

    /// <inheritdoc/>
    public void Dispose() => connection.Dispose();

    private Task<T> Step<T>(string step, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> answer, CancellationToken cancellation)
        where T : class => connection.PostAsync($"{Root}/{step}", new Nothing(), MoveJson.Default.Nothing, answer, cancellation, s_patience);

    /// <summary>The body of a request: a file without its holes.</summary>
    private sealed class FileContent : HttpContent
    {
        private readonly string _path;
        private readonly Action<long> _progress;
        private readonly CancellationToken _cancellation;

        public FileContent(string path, Action<long> progress, CancellationToken cancellation)
        {
            (_path, _progress, _cancellation) = (path, progress, cancellation);
            Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SparseStream.SendAsync(_path, stream, _progress, _cancellation);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
