using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>The extensions of a port come from its switch, and change independently of what was asked of the port.</summary>
internal sealed partial class PortState
{
    private PortPolicy _own;
    private IReadOnlyList<IStage> _extensions = [];

    /// <summary>The extensions in force, from the port towards the switch.</summary>
    public IReadOnlyList<IStage> Extensions => _extensions;

    /// <summary>Puts other extensions in force with one write. From the control side.</summary>
    public void SetExtensions(IReadOnlyList<IStage> extensions)
    {
        _extensions = extensions;
        Volatile.Write(ref _policy, _own.With(extensions));
    }
}
