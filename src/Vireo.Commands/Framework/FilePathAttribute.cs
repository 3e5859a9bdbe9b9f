namespace Vireo.Commands.Framework;

/// <summary>The parameter is a path on the host; a local client makes a relative one absolute, because it knows the caller's folder.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class FilePathAttribute : Attribute
{
    /// <summary>A bare file name is left to the host, which has a default folder for it.</summary>
    public bool KeepBareName { get; set; }

    /// <summary>It may be on a share of a file server: <c>\\server\share\file</c>.</summary>
    public bool OnShare { get; set; }
}
