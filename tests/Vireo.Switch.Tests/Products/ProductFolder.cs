using Vireo.Testing;

namespace Vireo.Switch.Tests.Products;

/// <summary>Where an extension that comes with Vireo was built, in the configuration of these tests.</summary>
internal static class ProductFolder
{
    public static string Of(string product) => Path.Combine(
        Repository.Root, "extensions", $"Vireo.Extensions.{product}", "bin", Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/'))!), "net10.0");
}
