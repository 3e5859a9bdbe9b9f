namespace Vireo.Vhost;

/// <summary>Something a log should tell about a back end.</summary>
public enum VhostUserEventKind
{
    /// <summary>A front end connected.</summary>
    Connected,

    /// <summary>The front end is gone, and all its requests have completed.</summary>
    Disconnected,

    /// <summary>The front end sent something that cannot be accepted.</summary>
    MessageRejected,

    /// <summary>A driver broke a queue.</summary>
    QueueBroken,

    /// <summary>Requests that an earlier process had begun are done again.</summary>
    RequestsRedone,
}

/// <summary>What happened, as one sentence for people.</summary>
public readonly record struct VhostUserEvent(VhostUserEventKind Kind, string Message);
