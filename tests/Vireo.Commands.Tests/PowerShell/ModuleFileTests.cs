using Vireo.Testing;

namespace Vireo.Commands.Tests.PowerShell;

/// <summary>The module's files say what the views and the commands say.</summary>
[Requirement("PS-3")]
public class ModuleFileTests
{
    [Fact]
    public void The_format_file_is_made_from_the_views() => Same("Hyper-V.format.ps1xml", ModuleFiles.Format());

    [Fact]
    public void The_manifest_exports_every_command() => Same("Hyper-V.psd1", ModuleFiles.Manifest());

    private static void Same(string name, string wanted)
    {
        var path = Path.Combine(ModuleFiles.Folder, name);
        if (Environment.GetEnvironmentVariable("VIREO_WRITE_MODULE") is not null)
        {
            File.WriteAllText(path, wanted);
        }

        Assert.True(File.ReadAllText(path) == wanted, $"{path} is old; run this test with VIREO_WRITE_MODULE=1.");
    }
}
