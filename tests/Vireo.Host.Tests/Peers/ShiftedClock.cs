namespace Vireo.Host.Tests.Peers;

/// <summary>The clock of a host, which may be wrong, or in another year; time passes as everywhere.</summary>
internal sealed class ShiftedClock : TimeProvider
{
    public TimeSpan Offset { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
}
