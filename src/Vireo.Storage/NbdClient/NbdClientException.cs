namespace Vireo.Storage.NbdClient;

/// <summary>A server cannot be reached, is refused, or breaks the protocol. The message is a sentence that names it.</summary>
public sealed class NbdClientException(string message, Exception? inner = null) : IOException(message, inner);
