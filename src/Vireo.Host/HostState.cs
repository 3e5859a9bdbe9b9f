namespace Vireo.Host;

/// <summary>How far the host has come.</summary>
internal sealed class HostState
{
    private volatile bool _isReady;

    /// <summary>Running machines are found, and the planes serve what they need.</summary>
    public bool IsReady => _isReady;

    /// <summary>Says that it has.</summary>
    public void SetReady() => _isReady = true;
}
