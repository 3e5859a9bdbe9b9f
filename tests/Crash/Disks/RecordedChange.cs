namespace Vireo.Crash.Tests.Disks;

/// <summary>What happened to a simulated disk.</summary>
internal enum ChangeKind
{
    /// <summary>Bytes were written.</summary>
    Write,

    /// <summary>A range became zeros.</summary>
    Zero,

    /// <summary>The length was set.</summary>
    Length,

    /// <summary>Everything before is durable.</summary>
    Flush,
}

/// <summary>One change in the order in which it was made.</summary>
internal sealed record RecordedChange(ChangeKind Kind, long Offset, long Length, byte[]? Content = null);
