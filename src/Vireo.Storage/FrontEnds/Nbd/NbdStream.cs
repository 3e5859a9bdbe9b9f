namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>Whole messages of the handshake.</summary>
internal static class NbdStream
{
    /// <summary>Fills <paramref name="target"/>, and takes no byte more; false when the client is gone before the last one.</summary>
    public static async ValueTask<bool> TryFillAsync(this Stream stream, Memory<byte> target, CancellationToken cancellationToken) =>
        target.IsEmpty || await stream.ReadAtLeastAsync(target, target.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false) == target.Length;
}
