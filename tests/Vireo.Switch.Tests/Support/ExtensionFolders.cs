using Vireo.Testing;

namespace Vireo.Switch.Tests.Support;

/// <summary>Folders as a third party would ship them: the test extensions with a manifest.</summary>
internal sealed class ExtensionFolders : IDisposable
{
    private readonly TempFolder _folder = new();

    public string Root => _folder.Path;

    /// <summary>Makes a folder with one extension of tests/Vireo.Switch.TestExtensions.</summary>
    public string Make(string type, string kind, Guid? id = null, string version = "1.0.0", bool failsClosed = false)
    {
        var folder = Path.Combine(_folder.Path, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        const string assembly = "Vireo.Switch.TestExtensions.dll";
        File.Copy(Path.Combine(AppContext.BaseDirectory.Replace("Vireo.Switch.Tests", "Vireo.Switch.TestExtensions", StringComparison.Ordinal), assembly), Path.Combine(folder, assembly));
        File.WriteAllText(Path.Combine(folder, "extension.json"), $$"""
            {
              "id": "{{id ?? Guid.NewGuid():D}}", "name": "{{type}}", "vendor": "Tests", "version": "{{version}}", "kind": "{{kind}}", "sdk": "1.0",
              "assembly": "{{assembly}}", "type": "Vireo.Switch.TestExtensions.{{type}}", "failsClosed": {{(failsClosed ? "true" : "false")}}
            }
            """);
        return folder;
    }

    public void Dispose() => _folder.Dispose();
}
