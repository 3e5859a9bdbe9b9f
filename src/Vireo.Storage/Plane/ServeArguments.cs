using Vireo.Control.Storage;
using Vireo.Disks;

namespace Vireo.Storage.Plane;

/// <summary>
/// What <c>vireo-storage serve</c> (and <c>vireo serve-disk</c>, which hands over to it) is asked to do:
/// <c>IMAGE --socket PATH [--vhost-user] [--read-only] [--direct] [--format raw|vhd|vhdx] [--queues N] [--file PATH | --device] [--parents PREFIX=FOLDER]... [--layer KIND[=SETTING:VALUE,...]]...</c>.
/// </summary>
/// <param name="Attachment">Image and socket.</param>
/// <param name="Open">How the image is opened.</param>
/// <param name="Layers">From the image upwards.</param>
/// <param name="File">Where the disk's bytes appear as a file while it is served (<see cref="FuseFile"/>), or null.</param>
/// <param name="IsDevice">Whether the disk is a block device of the kernel meanwhile (<see cref="KernelDevice"/>).</param>
internal sealed record ServeArguments(DiskAttachment Attachment, ImageOpenOptions Open, IReadOnlyList<LayerSpecification> Layers, string? File = null, bool IsDevice = false)
{
    /// <summary>One line of help.</summary>
    public const string Usage =
        "serve IMAGE --socket PATH [--vhost-user] [--read-only] [--direct] [--format raw|vhd|vhdx] [--queues N] [--file PATH | --device] [--parents PREFIX=FOLDER]... [--layer KIND[=SETTING:VALUE,...]]...";

    private const int MaximumQueues = 8;
    private const int UsualQueues = 4;

    /// <summary>Reads what stands behind <c>serve</c>.</summary>
    /// <exception cref="FormatException">An option is unknown, lacks its value or has an impossible one; the message says which.</exception>
    public static ServeArguments Parse(IReadOnlyList<string> arguments)
    {
        string? image = null;
        string? socket = null;
        string? file = null;
        var isDevice = false;
        var frontEnd = FrontEndKind.Nbd;
        var open = new ImageOpenOptions();
        var queues = UsualQueues;
        List<LayerSpecification> layers = [];
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            switch (argument)
            {
                case "--socket":
                    socket = Value();
                    break;
                case "--file":
                    file = Path.GetFullPath(Value());
                    break;
                case "--device":
                    isDevice = true;
                    break;
                case "--parents":
                    open = open with { Parents = new([.. open.Parents?.Mappings ?? [], ParseMapping(Value())]) };
                    break;
                case "--vhost-user":
                    // With a path behind it, it says the socket too.
                    frontEnd = FrontEndKind.VhostUserBlock;
                    socket = i + 1 < arguments.Count && socket is null && image is not null && !arguments[i + 1].StartsWith('-') ? Value() : socket;
                    break;
                case "--read-only":
                    open = open with { ReadOnly = true };
                    break;
                case "--direct":
                    open = open with { Direct = true };
                    break;
                case "--format":
                    var format = Value();
                    open = open with
                    {
                        Format = Enum.TryParse<DiskFormat>(format, ignoreCase: true, out var known) && char.IsAsciiLetter(format[0])
                            ? known
                            : throw new FormatException($"there is no format '{format}'; there are raw, vhd and vhdx"),
                    };
                    break;
                case "--queues":
                    var count = Value();
                    queues = int.TryParse(count, System.Globalization.CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MaximumQueues
                        ? number
                        : throw new FormatException($"'{count}' queues are not possible; 1 to {MaximumQueues} are");
                    break;
                case "--layer":
                    layers.Add(ParseLayer(Value(), layers.Count));
                    break;
                default:
                    image = image is null && !argument.StartsWith('-')
                        ? argument
                        : throw new FormatException(argument.StartsWith('-') ? $"there is no option '{argument}'" : $"'{argument}' is one image too many");
                    break;
            }

            string Value() => ++i < arguments.Count ? arguments[i] : throw new FormatException($"'{argument}' needs a value");
        }

        if (file is not null && isDevice)
        {
            throw new FormatException("--file and --device are two ways to show one disk; choose one");
        }

        if ((file is not null || isDevice) && frontEnd != FrontEndKind.Nbd)
        {
            throw new FormatException($"{(isDevice ? "--device" : "--file")} shows what is served over NBD, and --vhost-user serves something else");
        }

        var attachment = new DiskAttachment(
            Guid.NewGuid(),
            image ?? throw new FormatException("an image is missing"),
            open.ReadOnly,
            frontEnd,
            Path.GetFullPath(socket ?? throw new FormatException("--socket is missing")),
            queues,
            Direct: open.Direct);
        return new ServeArguments(attachment, open, layers, file, isDevice);
    }

    private static PathMapping ParseMapping(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && equals + 1 < text.Length
            ? new PathMapping(text[..equals], Path.GetFullPath(text[(equals + 1)..]))
            : throw new FormatException($"'{text}' says not which folder stands for which beginning of paths; write 'D:\\VMs=/srv/vms'");
    }

    // KIND or KIND=SETTING:VALUE,...; a piece without a colon goes on with the value before it, for values that have commas themselves.
    private static LayerSpecification ParseLayer(string text, int position)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var kind = equals < 0 ? text : text[..equals];
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        string? last = null;
        foreach (var piece in equals < 0 ? [] : text[(equals + 1)..].Split(','))
        {
            var colon = piece.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                last = piece[..colon];
                settings[last] = piece[(colon + 1)..];
            }
            else
            {
                settings[last ?? throw new FormatException($"the setting '{piece}' of the layer '{kind}' has no value; write {kind}=SETTING:VALUE")] += "," + piece;
            }
        }

        return new LayerSpecification(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{kind}-{position}"), kind, Settings: settings);
    }
}
