using System.Reflection;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>
/// An installed version of an extension. Its code is loaded when it is needed, into a context of its own, and leaves memory when the last instance
/// was given back.
/// </summary>
internal sealed class ExtensionPackage(ExtensionManifest manifest, string folder, bool isOwn)
{
    private ExtensionLoadContext? _context;
    private ConstructorInfo? _constructor;
    private int _users;

    /// <summary>Who it is.</summary>
    public ExtensionManifest Manifest { get; } = manifest;

    /// <summary>Where its files are.</summary>
    public string Folder { get; } = folder;

    /// <summary>It was installed; otherwise it came with the switch.</summary>
    public bool IsOwn { get; } = isOwn;

    /// <summary>When it was installed; long ago where it came with the switch.</summary>
    public DateTime InstalledAt => IsOwn ? Directory.GetCreationTimeUtc(Folder) : DateTime.MinValue;

    /// <summary>Settings and data that it declares; read by <see cref="Describe"/>.</summary>
    public (IReadOnlyList<ExtensionFeatureInfo> Features, IReadOnlyList<ExtensionFeatureInfo> Data) Declared { get; private set; } = ([], []);

    /// <summary>Why it cannot be used; null when it can.</summary>
    public string? Fault { get; private set; }

    /// <summary>Makes an instance for one switch. Give it back with <see cref="Return"/>.</summary>
    /// <exception cref="InvalidDataException">The code cannot be loaded, or is not what the manifest says.</exception>
    public SwitchExtension Create()
    {
        _context ??= new ExtensionLoadContext(Manifest, Folder);
        _users++;
        try
        {
            _constructor ??= FindConstructor(_context);
            var extension = (SwitchExtension)_constructor.Invoke(null);
            return extension.Kind == KindOf(Manifest.Kind)
                ? extension
                : throw new InvalidDataException($"The class '{Manifest.Type}' is a {extension.Kind} extension, the manifest says {Manifest.Kind}.");
        }
        catch (Exception exception)
        {
            Return();
            throw exception is InvalidDataException
                ? exception
                : new InvalidDataException($"The extension '{Manifest.Name}' {Manifest.Version} cannot be loaded: {(exception.InnerException ?? exception).Message}");
        }
    }

    /// <summary>An instance is no longer used.</summary>
    /// <returns>What is gone when the code has left memory; null while other instances use it.</returns>
    public WeakReference? Return()
    {
        if (--_users > 0 || _context is not { } context)
        {
            return null;
        }

        _context = null;
        _constructor = null;
        var gone = new WeakReference(context, trackResurrection: true);
        context.Unload();
        return gone;
    }

    /// <summary>Reads what the extension declares, which runs its constructor and nothing more.</summary>
    /// <returns>What is gone when the code has left memory.</returns>
    public WeakReference? Describe()
    {
        try
        {
            var features = new FeatureSet();
            Create().Declare(features);
            Declared =
            (
                [.. features.Features.Select(one => new ExtensionFeatureInfo(one.Id, one.Name, one.Scope == FeatureScope.Port, one.Default()))],
                [.. features.Data.Select(one => new ExtensionFeatureInfo(one.Id, one.Name, one.Scope == FeatureScope.Port, null))]);
            Fault = null;
        }
        catch (InvalidDataException exception)
        {
            // Create has given the instance back already.
            Fault = exception.Message;
            return null;
        }
        catch (Exception exception)
        {
            Fault = $"The extension '{Manifest.Name}' {Manifest.Version} cannot say what its settings are: {exception.Message}";
        }

        return Return();
    }

    /// <summary>It is not to be loaded.</summary>
    public void Refuse(string fault) => Fault = fault;

    /// <summary>The package for people and scripts.</summary>
    public InstalledExtension ToInfo() => new(
        Manifest.Id, Manifest.Name, Manifest.Vendor, Manifest.Version, Manifest.Kind, Manifest.FailsClosed, Manifest.Description, Declared.Features, Declared.Data, Fault);

    private static ExtensionKind KindOf(SwitchExtensionKind kind) => kind switch
    {
        SwitchExtensionKind.Capture => ExtensionKind.Capture,
        SwitchExtensionKind.Filter => ExtensionKind.Filter,
        SwitchExtensionKind.Forwarding => ExtensionKind.Forwarding,
        _ => ExtensionKind.Firewall,
    };

    // Set-up, once per version and start of the plane; the packet path knows nothing of it.
    private ConstructorInfo FindConstructor(ExtensionLoadContext context)
    {
        var type = context.LoadFromAssemblyPath(Path.Combine(Folder, Manifest.Assembly)).GetType(Manifest.Type)
            ?? throw new InvalidDataException($"The assembly '{Manifest.Assembly}' has no class '{Manifest.Type}'.");
        return !type.IsAssignableTo(typeof(SwitchExtension))
            ? throw new InvalidDataException($"The class '{Manifest.Type}' is no extension; derive it from one of the base classes of the SDK.")
            : type.GetConstructor([]) ?? throw new InvalidDataException($"The class '{Manifest.Type}' has no public constructor without parameters.");
    }
}
