using System.Xml.Linq;
using Vireo.Testing;

namespace Vireo.Tidy.Tests;

/// <summary>The arrows of the house: which project may know which.</summary>
public sealed class ReferenceTests
{
    /// <summary>
    /// Allowed references, and no others. Platform, Control, Model and the extension SDK know nobody; a data plane never knows a virtual machine;
    /// clients know the vocabulary and the typed client only.
    /// </summary>
    private static readonly Dictionary<string, string[]> Arrows = new(StringComparer.Ordinal)
    {
        ["Vireo.Platform"] = [],
        ["Vireo.Control"] = [],
        ["Vireo.Model"] = [],
        ["Vireo.Switch.Sdk"] = [],
        ["Vireo.Commands.Generator"] = [],
        ["Vireo.Smb"] = ["Vireo.Platform"],
        ["Vireo.Disks"] = ["Vireo.Platform", "Vireo.Smb"],
        ["Vireo.Vhost"] = ["Vireo.Platform"],
        ["Vireo.Machines"] = ["Vireo.Platform"],
        ["Vireo.Storage"] = ["Vireo.Platform", "Vireo.Smb", "Vireo.Disks", "Vireo.Vhost", "Vireo.Control"],
        ["Vireo.Switch"] = ["Vireo.Platform", "Vireo.Switch.Sdk", "Vireo.Vhost", "Vireo.Control"],
        ["Vireo.Commands"] = ["Vireo.Model", "Vireo.Control", "Vireo.Machines", "Vireo.Commands.Generator"],
        ["Vireo.Host"] = ["Vireo.Platform", "Vireo.Model", "Vireo.Control", "Vireo.Machines", "Vireo.Commands", "Vireo.Commands.Generator"],
        ["Vireo.Client"] = ["Vireo.Model", "Vireo.Commands.Generator"],
        ["Vireo.Cli"] = ["Vireo.Client", "Vireo.Model", "Vireo.Commands.Generator"],
        ["Vireo.PowerShell"] = ["Vireo.Client", "Vireo.Model", "Vireo.Commands.Generator"],
    };

    [Fact]
    public void EveryReferenceFollowsAnArrow() => Findings.None(
        "A project reference that the house does not allow (ARCHITECTURE.md says why; the list is in ReferenceTests):",
        Projects("src/").SelectMany(file => References(file)
            .Where(reference => !Arrows.TryGetValue(Name(file), out var allowed) || !allowed.Contains(reference, StringComparer.Ordinal))
            .Select(reference => $"{Name(file)} -> {reference}")));

    [Fact]
    public void EveryProjectIsInTheListAndInTheSolution()
    {
        var solution = SourceTree.Text("Vireo.slnx");
        Findings.None("Add the project to Vireo.slnx:", Projects("").Where(file => !solution.Contains($"\"{file}\"", StringComparison.Ordinal)));
        Findings.None("Say in ReferenceTests what the project may know:", Projects("src/").Select(Name).Where(name => !Arrows.ContainsKey(name)));
    }

    [Fact]
    public void DataPlanesDoNotKnowVirtualMachines() => Findings.None(
        "A data plane knows disks and ports; the machine is the host's business:",
        new[] { "src/Vireo.Storage", "src/Vireo.Switch", "src/Vireo.Vhost", "src/Vireo.Disks" }.SelectMany(room => SourceTree.CSharp(room))
            .Where(file => CodeText.Lines(SourceTree.Text(file)).Any(line => line.Contains("VirtualMachine", StringComparison.Ordinal))));

    [Fact]
    public void VersionsAreKeptInOnePlace() => Findings.None(
        "Versions belong in Directory.Packages.props:",
        Projects("").Where(file => XDocument.Load(Path.Combine(Repository.Root, file)).Descendants("PackageReference").Any(reference => reference.Attribute("Version") is not null)));

    // What "dotnet new" makes projects from is no project of the house.
    private static IEnumerable<string> Projects(string below) => SourceTree.Files.Where(
        file => file.EndsWith(".csproj", StringComparison.Ordinal) && file.StartsWith(below, StringComparison.Ordinal) && !file.StartsWith("templates/", StringComparison.Ordinal));

    private static IEnumerable<string> References(string file) => XDocument.Load(Path.Combine(Repository.Root, file))
        .Descendants("ProjectReference").Select(reference => Name(((string)reference.Attribute("Include")!).Replace('\\', '/')));

    private static string Name(string file) => Path.GetFileNameWithoutExtension(file);
}
