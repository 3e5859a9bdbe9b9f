using System.Reflection;
using System.Runtime.Loader;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>An extension's own assemblies; the SDK and the framework are those of the switch.</summary>
/// <param name="manifest">Whose they are.</param>
/// <param name="folder">Where they are.</param>
internal sealed class ExtensionLoadContext(ExtensionManifest manifest, string folder) : AssemblyLoadContext($"{manifest.Name} {manifest.Version}", isCollectible: true)
{
    /// <summary>Whose assemblies these are.</summary>
    public ExtensionManifest Manifest { get; } = manifest;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name == typeof(SwitchExtension).Assembly.GetName().Name)
        {
            return null;
        }

        var path = Path.Combine(folder, $"{assemblyName.Name}.dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
