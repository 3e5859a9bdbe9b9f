using System.Text;
using System.Text.RegularExpressions;
using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Sdk;

/// <summary>What a stranger does with the package of the SDK: the commands of the tutorial, in a network of their own and without a package source elsewhere.</summary>
public sealed partial class TutorialTests : IDisposable
{
    private const string Page = "docs/switch-extension-tutorial.md";
    private readonly TempFolder _folder = new();
    private readonly TestNetwork _network = new("sdk");

    public void Dispose()
    {
        _network.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [Requirement("SW-9")]
    [Trait("Category", "Long")]
    public async Task The_commands_of_the_tutorial_make_an_extension_that_works()
    {
        PrepareCheckout();
        var commands = Blocks().Matches(File.ReadAllText(Path.Combine(Repository.Root, Page))).Select(match => match.Groups["commands"].Value).ToList();
        Assert.True(commands.Count == 6, $"{Page} has {commands.Count} blocks of commands.");
        var output = RunScript(string.Join('\n', commands));
        Assert.Contains("eighty", output, StringComparison.Ordinal);
        Assert.DoesNotContain("telnet\n", output, StringComparison.Ordinal);

        // Its last step made another version, which a plane takes.
        var built = _folder["NoTelnet/bin/Debug/net10.0"];
        Assert.Equal(["NoTelnet.deps.json", "NoTelnet.dll", "NoTelnet.pdb", "extension.json"], Directory.GetFiles(built).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        await using var plane = await PlaneProcess.StartAsync(_network);
        var installed = await plane.Client.InstallExtensionAsync(new InstallExtension(built));
        Assert.Equal(("NoTelnet", "Me", "1.1.0"), (installed.Name, installed.Vendor, installed.Version));
        var feature = Assert.Single(installed.Features);
        Assert.Equal(23, feature.Default!.Value.GetProperty("ClosedPorts")[0].GetInt32());
        await plane.Client.PutSwitchAsync(new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Private, Extensions: [new(installed.Id, true)]));
        Assert.True((await plane.Client.ListSwitchesAsync())[0].Extensions![0].Running);
    }

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("SW-9")]
    public async Task The_template_makes_every_kind_of_extension()
    {
        PrepareCheckout();
        string[] kinds = ["Capture", "Filter", "Firewall", "Forwarding"];
        RunScript("dotnet new install $VIREO/out/packages/*.nupkg\n" + string.Concat(kinds.Select(
            kind => $"dotnet new vireo-switch-extension --no-update-check --name my-{kind} --kind {kind}\ndotnet build my-{kind} --source $VIREO/out/packages -warnaserror\n")));
        await using var plane = await PlaneProcess.StartAsync(_network);
        List<SwitchExtensionSpecification> all = [];
        foreach (var kind in kinds)
        {
            var installed = await plane.Client.InstallExtensionAsync(new InstallExtension(_folder[$"my-{kind}/bin/Debug/net10.0"]));
            Assert.Equal(kind, $"{installed.Kind}");
            Assert.Single(installed.Features);
            all.Add(new SwitchExtensionSpecification(installed.Id, true));
        }

        Assert.Equal(4, all.Select(one => one.ExtensionId).Distinct().Count());
        await plane.Client.PutSwitchAsync(new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Private, Extensions: all));
        Assert.All((await plane.Client.ListSwitchesAsync())[0].Extensions!, one => Assert.True(one.Running, one.Fault));
    }

    /// <summary>What the tutorial finds in a checkout that was built: the package, and the program.</summary>
    private void PrepareCheckout()
    {
        Directory.CreateDirectory(_folder["checkout"]);
        File.WriteAllText(_folder["checkout/vireo"], $"#!/bin/sh\nshift 2\nexec {AppContext.BaseDirectory}vireo-switch lab \"$@\"\n");
        File.SetUnixFileMode(_folder["checkout/vireo"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        RunScript($"dotnet pack {Path.Combine(Repository.Root, "src/Vireo.Switch.Sdk")} --configuration Debug --no-build --output $VIREO/out/packages");
    }

    /// <summary>Runs commands with names of namespaces, settings of dotnet, and processes of their own, which end with it.</summary>
    private string RunScript(string commands)
    {
        var script = new StringBuilder("set -e\nmkdir -p /run/netns\nmount -t tmpfs tmpfs /run/netns\nip link set lo up\n")
            .AppendLine($"cd {_folder.Path}")
            .AppendLine($"export VIREO={_folder["checkout"]} DOTNET_CLI_HOME={_folder.Path} NUGET_PACKAGES={_folder["nuget"]} TMPDIR={_folder.Path}")
            .AppendLine("export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false")
            .Append(commands).ToString();
        File.WriteAllText(_folder["script.sh"], script);
        return Peer.Run("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", _folder["script.sh"]);
    }

    [GeneratedRegex("^```sh\n(?<commands>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 60_000)]
    private static partial Regex Blocks();
}
