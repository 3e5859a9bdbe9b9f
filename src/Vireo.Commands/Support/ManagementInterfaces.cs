namespace Vireo.Commands.Support;

/// <summary>Network interfaces that Vireo makes for the management operating system.</summary>
public static class ManagementInterfaces
{
    /// <summary>A name of at most 15 characters that follows from the adapter's id.</summary>
    public static string NameFor(Guid adapter) => $"vir{adapter.ToString("N")[..8]}";

    /// <summary>A locally administered address that follows from the adapter's id, so that it stays the same.</summary>
    public static string AddressFor(Guid adapter) => $"02155D{adapter.ToString("N")[..6].ToUpperInvariant()}";
}
