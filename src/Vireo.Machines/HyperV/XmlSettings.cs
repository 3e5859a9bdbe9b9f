using System.Text;
using System.Xml;

namespace Vireo.Machines.HyperV;

/// <summary>
/// The XML configuration of Windows Server 2012 and 2012 R2. The declaration says UTF-16, and there are files that are something else: the bytes
/// decide. Document types, entities and whatever else XML offers besides elements are refused.
/// </summary>
public static class XmlSettings
{
    private const int MaximumBytes = 32 << 20;
    private const int MaximumDepth = 32;
    private const int MaximumNodes = 200_000;

    /// <summary>Reads a file.</summary>
    /// <exception cref="SettingsFormatException">It is no such configuration, or too large to be one.</exception>
    public static SettingsNode Parse(ReadOnlySpan<byte> file)
    {
        if (file.Length > MaximumBytes)
        {
            throw new SettingsFormatException("it is too large");
        }

        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = MaximumBytes,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        };
        try
        {
            using var reader = XmlReader.Create(new StringReader(Decode(file)), settings);
            reader.MoveToContent();
            if (reader.NodeType != XmlNodeType.Element || reader.Name != "configuration")
            {
                throw new SettingsFormatException($"it begins with '{reader.Name}' and not with 'configuration'");
            }

            return Read(reader);
        }
        catch (XmlException damage)
        {
            throw new SettingsFormatException(damage.Message.TrimEnd('.'), damage);
        }
    }

    // With a list of open elements, not by recursion: how deep a file is must not decide how deep the stack gets.
    private static SettingsNode Read(XmlReader reader)
    {
        var open = new Stack<(string Name, StringBuilder Text, List<SettingsNode> Children)>();
        var nodes = 0;
        do
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element:
                    if (++nodes > MaximumNodes || open.Count >= MaximumDepth)
                    {
                        throw new SettingsFormatException("it has more settings, or deeper ones, than a configuration has");
                    }

                    var isEmpty = reader.IsEmptyElement;
                    open.Push((reader.Name, new StringBuilder(), []));
                    if (isEmpty && Close(open) is { } whole)
                    {
                        return whole;
                    }

                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA:
                    open.Peek().Text.Append(reader.Value);
                    break;
                case XmlNodeType.EndElement:
                    if (Close(open) is { } root)
                    {
                        return root;
                    }

                    break;
                default:
                    break;
            }
        }
        while (reader.Read());
        throw new SettingsFormatException("it ends too early");
    }

    private static SettingsNode? Close(Stack<(string Name, StringBuilder Text, List<SettingsNode> Children)> open)
    {
        var (name, text, children) = open.Pop();
        var node = new SettingsNode(name, children.Count == 0 ? text.ToString() : null);
        foreach (var child in children)
        {
            node.Add(child);
        }

        if (open.Count == 0)
        {
            return node;
        }

        open.Peek().Children.Add(node);
        return null;
    }

    private static string Decode(ReadOnlySpan<byte> file)
    {
        var encoding = file switch
        {
            [0xFF, 0xFE, ..] or [(byte)'<', 0, ..] => Encoding.Unicode,
            [0xFE, 0xFF, ..] or [0, (byte)'<', ..] => Encoding.BigEndianUnicode,
            _ => Encoding.UTF8,
        };
        return encoding.GetString(file).TrimStart('\uFEFF');
    }
}
