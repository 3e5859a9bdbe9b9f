using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>What the PowerShell module needs from the PowerShell that loads it.</summary>
public sealed class ModuleReferenceTests
{
    private const string Standard = "System.Management.Automation";

    [Fact]
    [Requirement("PS-3")]
    public void It_needs_nothing_that_PowerShell_7_4_lacks()
    {
        var configuration = Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!;
        var folder = Path.Combine(Repository.Root, "src", "Vireo.PowerShell", "bin", configuration, "net8.0");
        var own = Directory.GetFiles(folder, "*.dll").ToDictionary(file => Path.GetFileNameWithoutExtension(file)!, StringComparer.Ordinal);
        Assert.Contains("Vireo.HyperV.PowerShell", own.Keys);
        foreach (var (name, file) in own)
        {
            using var image = new PEReader(File.OpenRead(file));
            var metadata = image.GetMetadataReader();
            foreach (var handle in metadata.AssemblyReferences)
            {
                var reference = metadata.GetAssemblyReference(handle);
                var referenced = metadata.GetString(reference.Name);

                // PowerShell 7.4 is .NET 8, and takes every older version of its own assembly for itself.
                var most = referenced == Standard ? new Version(7, 4) : new Version(8, 0, 0, 0);
                Assert.True(own.ContainsKey(referenced) || reference.Version <= most, $"{name} needs {referenced} {reference.Version}");
                Assert.True(
                    own.ContainsKey(referenced) || referenced == Standard || referenced == "netstandard" || referenced.StartsWith("System.", StringComparison.Ordinal),
                    $"{name} needs {referenced}, which is neither .NET's nor the module's own");
            }
        }
    }
}
