using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>
/// Who an extension is: <c>extension.json</c> beside its assembly. It is read without running anything of the extension.
/// </summary>
internal sealed class ExtensionManifest
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "extension.json";

    private const int BytesMax = 64 << 10;

    /// <summary>Key; the same for all versions.</summary>
    public Guid Id { get; set; }

    /// <summary>For people.</summary>
    public string Name { get; set; } = "";

    /// <summary>Who makes it.</summary>
    public string Vendor { get; set; } = "";

    /// <summary>Semantic version, for example <c>1.2.0</c>.</summary>
    public string Version { get; set; } = "";

    /// <summary>One sentence.</summary>
    public string Description { get; set; } = "";

    /// <summary>What it does with frames.</summary>
    public SwitchExtensionKind Kind { get; set; }

    /// <summary>The version of the SDK that it needs, for example <c>1.0</c>.</summary>
    public string Sdk { get; set; } = "";

    /// <summary>File of the assembly.</summary>
    public string Assembly { get; set; } = "";

    /// <summary>Full name of the class.</summary>
    public string Type { get; set; } = "";

    /// <summary>While it is enabled and does not work, no frame passes.</summary>
    public bool FailsClosed { get; set; }

    /// <summary>The version of the SDK that this switch has.</summary>
    public static Version SdkVersion { get; } = typeof(SwitchExtension).Assembly.GetName().Version!;

    /// <summary>Reads the manifest of a folder.</summary>
    /// <exception cref="InvalidDataException">It is missing or says something that cannot be; every fault is named.</exception>
    public static ExtensionManifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > BytesMax)
            {
                throw new InvalidDataException($"The manifest '{path}' is longer than {BytesMax} bytes.");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return Parse(bytes);
        }
        catch (IOException exception)
        {
            throw new InvalidDataException($"The folder '{folder}' has no readable '{FileName}', so it is no extension. {exception.Message}", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InvalidDataException($"The manifest '{path}' may not be read. {exception.Message}", exception);
        }
    }

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="InvalidDataException">It says something that cannot be; every fault is named.</exception>
    public static ExtensionManifest Parse(ReadOnlySpan<byte> json)
    {
        ExtensionManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, ManifestJson.Default.ExtensionManifest) ?? throw new JsonException("It is null.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"The manifest cannot be read: {exception.Message}", exception);
        }

        List<string> faults = [];
        manifest.Validate(faults);
        return faults.Count == 0 ? manifest : throw new InvalidDataException(string.Join(' ', faults));
    }

    private void Validate(List<string> faults)
    {
        if (Id == Guid.Empty)
        {
            faults.Add("The manifest has no 'id'.");
        }

        if (string.IsNullOrWhiteSpace(Name) || string.IsNullOrWhiteSpace(Vendor))
        {
            faults.Add("The manifest needs 'name' and 'vendor'.");
        }

        if (!System.Version.TryParse(Version?.Split('-', '+')[0], out var version) || version.Build < 0 || Version.AsSpan().IndexOfAny("/\\") >= 0)
        {
            faults.Add($"The version '{Version}' is not semantic; use three numbers, for example 1.0.0.");
        }

        if (!Enum.IsDefined(Kind))
        {
            faults.Add("The 'kind' is Capture, Filter, Forwarding or Firewall.");
        }

        if (!System.Version.TryParse(Sdk, out var sdk))
        {
            faults.Add($"The version '{Sdk}' of the SDK is none; use for example {SdkVersion.ToString(2)}.");
        }
        else if (sdk.Major != SdkVersion.Major || sdk.Minor > SdkVersion.Minor)
        {
            faults.Add($"The extension needs version {Sdk} of the SDK; this switch has {SdkVersion.ToString(2)}.");
        }

        if (string.IsNullOrEmpty(Assembly) || Path.GetFileName(Assembly) != Assembly || !Assembly.EndsWith(".dll", StringComparison.Ordinal))
        {
            faults.Add($"The 'assembly' '{Assembly}' is not the name of a .dll file in the folder.");
        }

        if (string.IsNullOrWhiteSpace(Type))
        {
            faults.Add("The manifest needs 'type', the full name of the class.");
        }
    }
}

/// <summary>How manifests and the store's own files look.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(ExtensionManifest))]
[JsonSerializable(typeof(CurrentPackage))]
internal sealed partial class ManifestJson : JsonSerializerContext;

/// <summary>Which of an extension's folders counts.</summary>
/// <param name="Folder">Its name.</param>
internal sealed record CurrentPackage(string Folder);
