using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>Extensions stand behind everything of the port's own, next to the lookup.</summary>
internal sealed partial class PortPolicy
{
    /// <summary>This policy with the extensions of the port's switch.</summary>
    public PortPolicy With(IReadOnlyList<IStage> extensions)
    {
        if (extensions.Count == 0)
        {
            return this;
        }

        var policy = (PortPolicy)MemberwiseClone();
        policy.Compiled = [.. Compiled, .. extensions.Select(one => new CompiledStage($"Extension {one.Name}", one))];
        policy.Stages = [.. Stages, .. extensions];
        policy._areAboutFlows = false;
        policy.Depth = (HeaderDepth)Math.Max((byte)Depth, extensions.Max(one => (byte)one.Needs));
        return policy;
    }
}
