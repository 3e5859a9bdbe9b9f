namespace Vireo.Storage.NbdClient;

/// <summary>How patient a client is.</summary>
/// <param name="ReconnectFor">How long a lost server is sought before requests fail; zero gives up at once.</param>
/// <param name="AnswerWithin">How long a request may go without an answer before the connection counts as lost.</param>
public sealed record NbdClientOptions(TimeSpan ReconnectFor, TimeSpan AnswerWithin)
{
    /// <summary>Half a minute each.</summary>
    public static NbdClientOptions Default { get; } = new(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(30));
}
