using System.Text.Json.Serialization;

namespace Vireo.Switch.Extensions.Deaths;

/// <summary>An end of the plane that nobody asked for, noticed when it was started again.</summary>
/// <param name="At">When it was noticed.</param>
/// <param name="Suspects">Extensions that were there.</param>
internal sealed record PlaneDeath(DateTimeOffset At, IReadOnlyList<Suspect> Suspects)
{
    /// <summary>A thread was inside at least one of them.</summary>
    [JsonIgnore]
    public bool IsInside => Suspects.Any(one => one.IsInside);
}

/// <summary>An extension that was there when the plane died.</summary>
/// <param name="ExtensionId">Which one.</param>
/// <param name="Version">Its version.</param>
/// <param name="IsDescribing">It was asked for its settings only.</param>
/// <param name="IsInside">A thread was inside its code.</param>
internal sealed record Suspect(Guid ExtensionId, string Version, bool IsDescribing, bool IsInside);
