namespace Vireo.Switch.Sdk;

/// <summary>
/// Why a frame goes no further. A reason is a small number, so that dropping costs one increment; its name is what people see in the
/// statistics. Whoever adds a stage registers the reasons it has, once.
/// </summary>
public readonly record struct DropReason
{
    /// <summary>How many reasons there can be.</summary>
    public const int CountMax = 256;

    private static readonly Lock s_lock = new();
    private static volatile string[] s_names = [];

    private DropReason(byte id) => Id = id;

    /// <summary>Index of the counter.</summary>
    public byte Id { get; }

    /// <summary>The frame goes on.</summary>
    public static DropReason None { get; } = Register("None");

    /// <summary>A stage took the frame and gives it back later; not counted.</summary>
    public static DropReason Held { get; } = Register("Held");

    /// <summary>No complete Ethernet header, or offload fields that point outside the frame.</summary>
    public static DropReason Malformed { get; } = Register("Malformed");

    /// <summary>The source is a group address or zero.</summary>
    public static DropReason InvalidSource { get; } = Register("InvalidSource");

    /// <summary>A frame that bridges do not forward (01-80-C2-00-00-0x).</summary>
    public static DropReason LinkLocal { get; } = Register("LinkLocal");

    /// <summary>The destination is behind the port that the frame came from.</summary>
    public static DropReason SamePort { get; } = Register("SamePort");

    /// <summary>The port does not take part in the frame's VLAN.</summary>
    public static DropReason Vlan { get; } = Register("Vlan");

    /// <summary>The receiver had no room.</summary>
    public static DropReason QueueFull { get; } = Register("QueueFull");

    /// <summary>Nobody is connected to the port, or its link is down.</summary>
    public static DropReason NotConnected { get; } = Register("NotConnected");

    /// <summary>Longer than the receiver takes.</summary>
    public static DropReason TooLong { get; } = Register("TooLong");

    /// <summary>The name.</summary>
    public string Name => s_names[Id];

    /// <summary>All names so far; the index is the id.</summary>
    public static IReadOnlyList<string> Names => s_names;

    /// <summary>The reason called <paramref name="name"/>, new or known.</summary>
    /// <exception cref="InvalidOperationException">There are <see cref="CountMax"/> reasons already.</exception>
    public static DropReason Register(string name)
    {
        lock (s_lock)
        {
            var names = s_names;
            var id = Array.IndexOf(names, name);
            if (id < 0)
            {
                id = names.Length;
                if (id == CountMax)
                {
                    throw new InvalidOperationException($"The drop reason '{name}' cannot be added: there are {CountMax} already.");
                }

                s_names = [.. names, name];
            }

            return new DropReason((byte)id);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}
